import type { Clock } from '../../ports/clock.js';
import { boundClose, CLOSE_WAIT_MS, type EngineConnection, engineIdOf, webSocketOf } from './transport.js';

/** The connections of engine.io, from their first request until nothing is left of their transports. */
export class EngineConnections {
  readonly #clock: Clock;
  readonly #open = new Map<string, EngineConnection>();
  /** The ends of transports that are being closed. */
  readonly #closing = new Set<Promise<unknown>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param onClosed called when it is closed; its client may still have to take the last messages then */
  add(conn: EngineConnection, onClosed: () => void): void {
    const id = engineIdOf(conn);
    this.#open.set(id, conn);
    boundClose(conn);
    conn.once('close', () => {
      this.#open.delete(id);
      onClosed();
      if (conn.transport.readyState === 'closing') this.#end(conn);
    });
  }

  /** The open connection whose client names it so. */
  get(id: string): EngineConnection | undefined {
    return this.#open.get(id);
  }

  [Symbol.iterator](): IterableIterator<EngineConnection> {
    return this.#open.values();
  }

  /** Resolves when the last one of those that there are is closed. */
  async closed(): Promise<void> {
    await Promise.all([...this].map((conn) => new Promise((resolve) => conn.once('close', resolve))));
  }

  /** Resolves when nothing is left of those that are closed. */
  async gone(): Promise<void> {
    await Promise.all(this.#closing);
  }

  /** A client that does not answer a close frame is cut off. */
  #end(conn: EngineConnection): void {
    const socket = webSocketOf(conn);
    const timer = this.#clock.after(CLOSE_WAIT_MS, () => socket?.terminate());
    const end = new Promise<void>((resolve) => {
      conn.transport.once('close', () => {
        timer.cancel();
        this.#closing.delete(end);
        resolve();
      });
    });
    this.#closing.add(end);
  }
}
