import type { Clock, Timer } from '../ports/clock.js';
import type { GatewayConfig } from '../ports/socket-config.js';
import { CODES } from '../protocol/codes.js';
import { PING } from '../protocol/frame.js';
import type { Session } from './session.js';

const SWEEP_MS = 1_000;

/**
 * Ends connections whose clients have vanished. Protocol section 3.10: after `activityTimeoutS` of silence a client is
 * pinged, and without a message for `pongTimeoutS` more its connection is ended with 4201.
 *
 * With `limits.unauthorizedS`, connections that are not authorized in time are ended too, with 4009.
 *
 * One sweep checks all sessions: with a timer for each, every message would have to restart one.
 */
export class Liveness {
  readonly #clock: Clock;
  readonly #config: Pick<GatewayConfig, 'activityTimeoutS' | 'pongTimeoutS' | 'limits'>;
  readonly #sessions: ReadonlySet<Session>;
  readonly #end: (session: Session, code: number, reason: string) => void;
  #sweep: Timer | undefined;

  constructor(
    clock: Clock,
    config: Pick<GatewayConfig, 'activityTimeoutS' | 'pongTimeoutS' | 'limits'>,
    sessions: ReadonlySet<Session>,
    end: (session: Session, code: number, reason: string) => void,
  ) {
    this.#clock = clock;
    this.#config = config;
    this.#sessions = sessions;
    this.#end = end;
  }

  /** Starts to sweep once a second, for as long as there are sessions. */
  watch(): void {
    this.#sweep ??= this.#clock.after(SWEEP_MS, () => {
      this.#sweep = undefined;
      for (const session of this.#sessions) this.#check(session);
      if (this.#sessions.size > 0) this.watch();
    });
  }

  stop(): void {
    this.#sweep?.cancel();
    this.#sweep = undefined;
  }

  #check(session: Session): void {
    const now = this.#clock.now();
    const { unauthorizedS } = this.#config.limits;
    if (unauthorizedS !== 0 && !session.isAuthorized && now - session.openedAt >= unauthorizedS * 1_000) {
      this.#end(session, CODES.UNAUTHORIZED, `Connection not authorized within ${unauthorizedS} seconds`);
      return;
    }
    if (session.pingedAt !== undefined) {
      if (now - session.pingedAt >= this.#config.pongTimeoutS * 1_000) {
        this.#end(session, CODES.PONG_TIMEOUT, 'Pong reply not received in time');
      }
    } else if (now - session.lastActivity >= this.#config.activityTimeoutS * 1_000) {
      session.pingedAt = now;
      session.connection.send(PING);
    }
  }
}
