import { ClusterUnreachableError } from '../../ports/cluster.js';
import { InTurn } from './in-turn.js';

/**
 * So many messages are under way at a time. Redis answers all of them in one piece when it stood still, and then one turn of the
 * event loop has to take all of these answers.
 */
const AT_ONCE = 128;
/** The most that may wait to be sent, in bytes. With more of it Redis does not keep up, and messages are rejected. */
const MAX_WAITING = 64 * 1_024 * 1_024;
/** With less than this there is room for what a caller can hold back. */
const ROOMY_WAITING = MAX_WAITING / 4;
/** The size of a message without its data, more or less. */
const MESSAGE_BYTES = 512;

/** Sends messages in the order of the calls, and many of them in slices that do not hold the event loop. */
export class SendOrder {
  readonly #failed: () => void;
  readonly #turns = new InTurn(AT_ONCE);
  #waitingBytes = 0;

  /** @param failed called once for every message that was not sent */
  constructor(failed: () => void) {
    this.#failed = failed;
  }

  /** How many messages wait to be sent. */
  get waiting(): number {
    return this.#turns.waiting;
  }

  /** Resolves when no message waits to be sent any more; `undefined` while none does. */
  sent(): Promise<void> | undefined {
    return this.#turns.begun();
  }

  /** The same, once much waits. */
  room(): Promise<void> | undefined {
    return this.#waitingBytes < ROOMY_WAITING ? undefined : this.sent();
  }

  /**
   * Sends at once, or after the messages before it. The promise settles as that of the message.
   *
   * @param dataBytes the size of its data
   * @throws ClusterUnreachableError when too much waits
   */
  send<T>(message: () => Promise<T>, dataBytes: number): Promise<T> {
    if (!this.#turns.isFull) return this.#turns.run(() => this.#send(message));
    if (this.#waitingBytes >= MAX_WAITING) {
      this.#failed();
      return Promise.reject(new ClusterUnreachableError('Redis does not keep up'));
    }
    const bytes = MESSAGE_BYTES + dataBytes;
    this.#waitingBytes += bytes;
    return this.#turns.run(() => {
      this.#waitingBytes -= bytes;
      return this.#send(message);
    });
  }

  async #send<T>(message: () => Promise<T>): Promise<T> {
    try {
      return await message();
    } catch (error) {
      this.#failed();
      throw error;
    }
  }
}
