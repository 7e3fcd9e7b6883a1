import type { Clock } from '../ports/clock.js';
import type { GatewayLimits } from '../ports/socket-config.js';
import type { Inbound, Session } from './session.js';

const SECOND_MS = 1_000;
/** As many bits as 1,024 takes off. */
const KIB_BITS = 10;

/**
 * Slows a connection down that says too much: what is over the limit is handled when the second is over, in its order, and
 * nothing more is read until then. An honest client that had much to say loses nothing by it. A close would lose all of it:
 * with 4301 `pusher-js` never comes back (protocol section 3.11), and with any other code a flood comes back at once.
 *
 * A message costs one comparison of whole numbers. The clock is asked only when as many have come as may come in a second;
 * a second begins with the first one after that.
 */
export class MessageRate {
  readonly #clock: Clock;
  /** Tells a client that it has to wait. */
  readonly #tell: (session: Session, reason: string) => void;
  readonly #maximum: number;

  constructor(
    clock: Clock,
    { messagesPerSecond }: Pick<GatewayLimits, 'messagesPerSecond'>,
    tell: (session: Session, reason: string) => void,
  ) {
    this.#clock = clock;
    this.#tell = tell;
    this.#maximum = messagesPerSecond === 0 ? Number.MAX_SAFE_INTEGER : messagesPerSecond;
  }

  /**
   * Counts one message.
   *
   * @param said a ping of the WebSocket's own, if it is nothing
   * @returns whether it has to wait
   */
  isOver(session: Session, inbound?: Inbound): boolean {
    const count = countOf(inbound);
    return (session.messages += count) > this.#maximum && this.#isTooSoon(session, count);
  }

  /**
   * Lets a session wait.
   *
   * @param said the message that was one too many, if it is not handled already
   */
  hold(session: Session, inbound?: Inbound): void {
    const goOn = session.hold(inbound);
    session.isHeld = true;
    const began = session.secondBeganAt ?? session.openedAt;
    this.#clock.after(began + SECOND_MS - this.#clock.now(), () => {
      session.isHeld = false;
      // One that counts for more than a second's has its turn too.
      this.#begin(session, Math.min(0, this.#maximum - countOf(inbound)));
      goOn();
    });
    this.#tell(
      session,
      `More than ${this.#maximum} messages in a second: the others have to wait for the next`,
    );
  }

  #isTooSoon(session: Session, count: number): boolean {
    // Who cannot be left unread is somebody's test. Of who is held nothing is read; what still comes was read before.
    if (session.isHeld || session.connection.pause === undefined) return false;
    if (this.#clock.now() - (session.secondBeganAt ?? session.openedAt) < SECOND_MS) return true;
    this.#begin(session, count);
    return false;
  }

  #begin(session: Session, messages: number): void {
    session.secondBeganAt = this.#clock.now();
    session.messages = messages;
  }
}

/** A long message counts once more for each KiB: reading it takes as long as that. */
function countOf(inbound: Inbound | undefined): number {
  return typeof inbound === 'string' ? 1 + (inbound.length >>> KIB_BITS) : 1;
}
