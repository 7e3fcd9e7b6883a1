import type { Clock, Timer } from '../ports/clock.js';
import type { AskAnswer, MemberAsk } from '../ports/cluster.js';
import { CODES, ProtocolError } from '../protocol/codes.js';
import { askFrame, type ReceivedAnswer } from '../protocol/message-frames.js';
import type { Session } from './session.js';
import type { Users } from './users.js';

/** An ask that this node's browsers may answer, whichever node has asked. */
interface OpenAsk {
  readonly timer: Timer;
  /** The connections that have not answered it. Each may do so once. */
  readonly waiting: Set<Session>;
  readonly answered: (answer: AskAnswer) => void;
  readonly expired: () => void;
}

/** The asks that browsers of this node may answer. */
export class OpenAsks {
  readonly #clock: Clock;
  readonly #users: Users;
  readonly #maximumBytes: number;
  readonly #asks = new Map<string, OpenAsk>();

  /** @param maximumBytes the most bytes of an answer's frame; 0 allows any number */
  constructor(clock: Clock, users: Users, maximumBytes: number) {
    this.#clock = clock;
    this.#users = users;
    this.#maximumBytes = maximumBytes;
  }

  /**
   * Sends an ask to every browser of a member on this node.
   *
   * @param channel the member's own channel
   * @param answered called with each answer until {@link end}
   * @param expired called when the ask's time is over, or when this node closes
   * @returns whether there is such a browser
   */
  open(channel: string, ask: MemberAsk, answered: OpenAsk['answered'], expired: () => void): boolean {
    const waiting = new Set(this.#users.sessionsOf(channel));
    const timer = this.#clock.after(ask.timeoutMs, () => {
      this.end(ask.id);
      expired();
    });
    this.#asks.set(ask.id, { timer, waiting, answered, expired });
    if (waiting.size === 0) return false;
    const frame = askFrame(ask.id, ask.event, ask.json);
    // The fake answers within the call.
    for (const session of waiting) session.connection.send(frame);
    return true;
  }

  /** How many browsers of this node have not answered yet. */
  waitingFor(id: string): number {
    return this.#asks.get(id)?.waiting.size ?? 0;
  }

  /**
   * A client has answered. An answer that nobody waits for is dropped: the ask may be over.
   *
   * @param text the frame as it came
   * @throws ProtocolError when it is refused
   */
  answered(session: Session, { id, payload, error }: ReceivedAnswer, text: string): void {
    const ask = this.#asks.get(id);
    if (ask?.waiting.delete(session) !== true) return;
    try {
      ask.answered(error === undefined ? { json: this.#checked(payload, text) } : { error });
    } catch (refusal) {
      if (!(refusal instanceof ProtocolError)) throw refusal;
      ask.answered({ error: refusal.message });
      throw refusal;
    }
  }

  /** Takes no more answers to an ask. */
  end(id: string): void {
    this.#asks.get(id)?.timer.cancel();
    this.#asks.delete(id);
  }

  /** Ends every ask. */
  close(): void {
    for (const [id, { expired }] of this.#asks) {
      this.end(id);
      expired();
    }
  }

  /** @throws ProtocolError */
  #checked(payload: unknown, text: string): string | undefined {
    const bytes = Buffer.byteLength(text);
    if (this.#maximumBytes !== 0 && bytes > this.#maximumBytes)
      throw refused(`it has ${bytes} bytes, ${this.#maximumBytes} are allowed`);
    try {
      return JSON.stringify(payload);
    } catch {
      // JSON.stringify is recursive, and throws at a depth that JSON.parse has accepted.
      throw refused('it is nested too deeply');
    }
  }
}

function refused(reason: string): ProtocolError {
  return new ProtocolError(CODES.MESSAGE_REFUSED, `Answer refused: ${reason}`);
}
