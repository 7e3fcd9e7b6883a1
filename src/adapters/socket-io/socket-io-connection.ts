import type { Batch } from '../../channels/batch.js';
import type { Connection } from '../../channels/connection.js';
import type { WriteCoalescer } from '../../channels/write-coalescer.js';
import type { Clock } from '../../ports/clock.js';
import { CODES, type ProtocolError } from '../../protocol/codes.js';
import { type Frame, frame } from '../../protocol/frame.js';
import type { Acknowledge } from './client-message.js';
import { type Packet, type Packets, SEPARATOR } from './packets.js';
import { CLOSE_WAIT_MS, type EngineConnection, freeStreamOf, webSocketOf } from './transport.js';

/** The parts that all connections of a gateway share. */
export interface ConnectionParts {
  readonly packets: Packets;
  readonly coalescer: WriteCoalescer;
  readonly clock: Clock;
}

/** Hears what the engine answers to a client's message. */
export interface AnswerListener {
  /** A packet that goes to the client, which may be the answer. */
  sent(packet: Packet): void;
  refused(error: ProtocolError): void;
  handled(): void;
}

/**
 * A connection of engine.io, as the channel engine sees it.
 *
 * The packets of one turn leave at its end as one message of engine.io, whose text and bytes are joined once for all connections
 * that got the same. On a WebSocket the bytes are written as they are, to the stream beneath it where engine.io itself has nothing to
 * write; in the answer to a poll the text has the same messages.
 */
export class SocketIoConnection implements Connection {
  readonly #conn: EngineConnection;
  readonly #parts: ConnectionParts;
  /** Disconnects the client for good. */
  readonly #disconnect: () => void;
  /** The packets that were sent in this turn of the event loop and are not written yet. */
  #queue: Batch | undefined;
  /** The lengths of what is written and has not left yet, and their sum. */
  readonly #lengths: number[] = [];
  #waitingBytes = 0;
  /** The bytes of answers that may not have left yet. */
  #replyBytes = 0;
  #isSealed = false;
  #isClosing = false;
  #isSlowReader = false;
  #pauses = 0;
  /** A request of a polling client that is not read while the connection is paused. */
  #held: (() => void) | undefined;
  /** Hears the answer to the message that is being handled. */
  listener: AnswerListener | undefined;

  /** @param disconnect tells the client to stay away */
  constructor(
    conn: EngineConnection,
    readonly id: string,
    parts: ConnectionParts,
    disconnect: () => void,
  ) {
    this.#conn = conn;
    this.#parts = parts;
    this.#disconnect = disconnect;
    conn.on('upgrade', this.#onUpgrade);
  }

  /** Whether it was closed because its client reads too slowly. */
  get isSlowReader(): boolean {
    return this.#isSlowReader;
  }

  get isPaused(): boolean {
    return this.#pauses > 0;
  }

  send(frame: Frame): void {
    if (this.#isSealed) return;
    const { coalescer, packets } = this.#parts;
    const packet = packets.of(frame);
    if (packet === undefined) return;
    let queue = this.#queue;
    if (queue === undefined) {
      coalescer.add(this);
      queue = coalescer.empty;
    } else if (queue.length + packet.wire.length > coalescer.gatheredBytes) {
      if (!this.#write(queue)) return;
      queue = coalescer.empty;
    }
    this.#queue = queue.with(packet);
    this.listener?.sent(packet);
  }

  tell(error: ProtocolError, isRefusal: boolean): void {
    if (isRefusal && this.listener !== undefined) this.listener.refused(error);
    else this.sendError(error);
  }

  handled(): void {
    this.listener?.handled();
  }

  /** Tells the client of an error that answers none of its messages. */
  sendError({
    code,
    message,
  }: Pick<ProtocolError, 'message'> & { readonly code: number | string | null }): void {
    this.send(frame('pusher:error', { data: JSON.stringify({ code, message }) }));
  }

  /** Answers a client's message, after everything that was sent before. @throws TypeError when the reply has no JSON form */
  reply(acknowledge: NonNullable<Acknowledge>, reply: unknown): void {
    if (this.#isSealed) return;
    this.flush();
    if (this.#conn.transport.writable) this.#replyBytes = 0;
    // A handler may have returned nothing.
    this.#replyBytes += reply === undefined ? 0 : JSON.stringify(reply).length;
    if (this.#isTooSlow(0)) this.#endSlowReader();
    else acknowledge(reply);
  }

  /** Writes the packets that were sent so far, without waiting for the end of the turn. */
  flush(): void {
    const queue = this.#queue;
    this.#queue = undefined;
    if (queue !== undefined) this.#write(queue);
  }

  pause(isPaused: boolean): void {
    this.#pauses += isPaused ? 1 : -1;
    if (this.#isSealed || this.#pauses > 1) return;
    if (this.#pauses === 1) webSocketOf(this.#conn)?.pause();
    else {
      webSocketOf(this.#conn)?.resume();
      this.#readHeld();
    }
  }

  /**
   * Keeps a request of a paused client, which polls, until the connection reads on.
   *
   * @returns whether it is kept; a client that has sent another one without waiting for the answer is cut off
   */
  hold(read: () => void): boolean {
    if (!this.isPaused || this.#isSealed) return false;
    if (this.#held === undefined) {
      this.#held = read;
      return true;
    }
    this.#conn.close(true);
    return false;
  }

  close(code: number, reason: string): void {
    if (this.#isClosing) return;
    this.send(frame('pusher:closing', { data: JSON.stringify({ code, reason }) }));
    this.flush();
    if (staysAway(code)) this.#disconnect();
    this.#isClosing = true;
    this.#isSealed = true;
    this.#readHeld();
    // A paused socket would never read the client's close frame.
    webSocketOf(this.#conn)?.resume();
    // A client that never asks for the rest does not get it.
    const timer = this.#parts.clock.after(CLOSE_WAIT_MS, () => {
      this.#conn.close(true);
    });
    this.#conn.once('close', () => {
      timer.cancel();
    });
    this.#conn.close();
  }

  /** Called when the transport is gone. */
  closed(): void {
    this.#isSealed = true;
    this.#queue = undefined;
    this.#readHeld();
  }

  readonly #onUpgrade = (): void => {
    if (this.isPaused && !this.#isSealed) webSocketOf(this.#conn)?.pause();
  };

  /** Called by engine.io when a written message has left. */
  readonly #onSent = (): void => {
    this.#waitingBytes -= this.#lengths.shift() ?? 0;
    this.#replyBytes = 0;
  };

  /** @returns whether more can be written after it */
  #write(queue: Batch): boolean {
    const stream = freeStreamOf(this.#conn);
    const { bufferedBytes } = this.#parts.coalescer;
    if (
      stream !== undefined &&
      (bufferedBytes === 0 || stream.writableLength + queue.length <= bufferedBytes)
    ) {
      stream.write(queue.bytes);
      return true;
    }
    if (stream !== undefined || this.#isTooSlow(queue.length)) {
      this.#endSlowReader();
      return false;
    }
    this.#waitingBytes += queue.length;
    this.#lengths.push(queue.length);
    const options = { compress: false, wsPreEncodedFrame: [queue.bytes] };
    this.#conn.write(queue.joined(SEPARATOR), options, this.#onSent);
    return true;
  }

  #isTooSlow(more: number): boolean {
    const { bufferedBytes } = this.#parts.coalescer;
    return bufferedBytes !== 0 && this.#waitingBytes + this.#replyBytes + more > bufferedBytes;
  }

  /** Memory stays bounded, and other clients are not delayed. The client may come back. */
  #endSlowReader(): void {
    this.#queue = undefined;
    this.#isSealed = true;
    this.#isSlowReader = true;
    this.close(CODES.OVER_CAPACITY, 'The client reads too slowly');
  }

  #readHeld(): void {
    const read = this.#held;
    this.#held = undefined;
    read?.();
  }
}

/** Whether a client that is closed with a code stays away, as `pusher-js` does: after 4000 to 4099. */
function staysAway(code: number): boolean {
  return code >= 4_000 && code < 4_100;
}
