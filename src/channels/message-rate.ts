import type { Clock } from '../ports/clock.js';
import type { GatewayLimits } from '../ports/socket-config.js';
import type { Inbound, Session } from './session.js';

const SECOND_MS = 1_000;
/** A shift by so many bits divides by 1,024. */
const KIB_BITS = 10;

/**
 * Slows down connections that send too many messages: the messages over the limit are handled in the next second, in their
 * order, and nothing more is read until then. So an honest client loses no message. Closing the connection would lose all
 * of them: after 4301 `pusher-js` never comes back (protocol section 3.11), and after any other code a flood comes back at
 * once.
 *
 * Below the limit a message costs one comparison of integers. The clock is read only when the limit is reached; the next
 * second begins with the first message after that.
 */
export class MessageRate {
  readonly #clock: Clock;
  readonly #onThrottled: (session: Session, reason: string) => void;
  readonly #maximum: number;

  /** @param onThrottled tells the client that it is slowed down */
  constructor(
    clock: Clock,
    { messagesPerSecond }: Pick<GatewayLimits, 'messagesPerSecond'>,
    onThrottled: (session: Session, reason: string) => void,
  ) {
    this.#clock = clock;
    this.#onThrottled = onThrottled;
    this.#maximum = messagesPerSecond === 0 ? Number.MAX_SAFE_INTEGER : messagesPerSecond;
  }

  /**
   * Counts one message.
   *
   * @param inbound the message; absent for a ping of the WebSocket itself
   * @returns whether it exceeds the limit, so that the session must be throttled
   */
  isExceeded(session: Session, inbound?: Inbound): boolean {
    const cost = costOf(inbound);
    return (session.messageCount += cost) > this.#maximum && this.#isWithinSecond(session, cost);
  }

  /**
   * Pauses a session until its second is over.
   *
   * @param inbound the message that exceeded the limit, if it is not handled already
   */
  throttle(session: Session, inbound?: Inbound): void {
    const resume = session.pause(inbound);
    session.isThrottled = true;
    const start = session.secondStartedAt ?? session.openedAt;
    this.#clock.after(start + SECOND_MS - this.#clock.now(), () => {
      session.isThrottled = false;
      // The deferred message is counted again. One that costs more than a whole second allows must pass all the same.
      this.#startSecond(session, Math.min(0, this.#maximum - costOf(inbound)));
      resume();
    });
    this.#onThrottled(
      session,
      `More than ${this.#maximum} messages in a second: the others have to wait for the next`,
    );
  }

  #isWithinSecond(session: Session, cost: number): boolean {
    // Connections in tests cannot pause. A throttled session sends nothing new: its messages were read before.
    if (session.isThrottled || session.connection.pause === undefined) return false;
    if (this.#clock.now() - (session.secondStartedAt ?? session.openedAt) < SECOND_MS) return true;
    this.#startSecond(session, cost);
    return false;
  }

  #startSecond(session: Session, messageCount: number): void {
    session.secondStartedAt = this.#clock.now();
    session.messageCount = messageCount;
  }
}

/** One message, and one more for each KiB of its text, because reading a long text takes that much longer. */
function costOf(inbound: Inbound | undefined): number {
  return typeof inbound === 'string' ? 1 + (inbound.length >>> KIB_BITS) : 1;
}
