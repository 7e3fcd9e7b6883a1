import type { ChannelEngine } from '../../channels/channel-engine.js';
import type { Connection } from '../../channels/connection.js';
import type { Session } from '../../channels/session.js';
import type { ClientMessage, MessageAnswer } from '../../ports/client-messages.js';
import { Payload } from '../../ports/payload.js';
import type { Frame } from '../../protocol/frame.js';

/** A frame as a client receives it: `data` is text, as on the wire. */
export interface ReceivedFrame {
  readonly event: string;
  readonly channel?: string;
  readonly data?: unknown;
  readonly user_id?: string;
}

/** The client's end of a connection in memory. */
export class MemoryConnection implements Connection {
  /** Every frame the server has sent, oldest first. */
  readonly frames: ReceivedFrame[] = [];
  /** The code that the server closed it with; `undefined` while it is open, or after {@link leave}. */
  closeCode: number | undefined;
  readonly #engine: ChannelEngine;
  readonly #session: Session;
  #listener: (frame: ReceivedFrame) => void = () => undefined;

  constructor(
    engine: ChannelEngine,
    readonly id: string,
  ) {
    this.#engine = engine;
    this.#session = engine.open(this);
  }

  get isOpen(): boolean {
    return !this.#session.isClosed;
  }

  /** Calls the listener with every frame from now on. */
  listen(listener: (frame: ReceivedFrame) => void): void {
    this.#listener = listener;
  }

  /** Sends a frame to the server, as the same text as on the wire. */
  write(event: string, data: unknown, channel?: string): void {
    this.#engine.receive(this.#session, JSON.stringify({ event, channel, data }));
  }

  /** Has a message handled by the application, as JSON carries its payload. Resolves when that has ended. */
  async message(
    event: string,
    payload: unknown,
    { channel, wantsAnswer }: Pick<ClientMessage, 'channel' | 'wantsAnswer'>,
  ): Promise<MessageAnswer | undefined> {
    const { json, bytes } = Payload.of(payload);
    const carried: unknown = json === undefined ? undefined : JSON.parse(json);
    return this.#engine.receiveMessage(this.#session, {
      event,
      channel,
      payload: carried,
      bytes,
      wantsAnswer,
    });
  }

  /** Ends the connection from the client's side. */
  leave(): void {
    this.#engine.connectionLost(this.#session);
  }

  send(frame: Frame): void {
    // The engine has just built this text, so its shape is known.
    const received = JSON.parse(frame.text) as ReceivedFrame;
    this.frames.push(received);
    this.#listener(received);
  }

  close(code: number): void {
    this.closeCode = code;
  }
}
