import { SocketUsageError } from './errors.js';

/**
 * A payload, read once. It holds the JSON text as it was when the caller handed it in, so neither a later change of the
 * caller's object nor a second serialization can alter what is sent.
 */
export class Payload {
  private constructor(
    /** The payload as JSON, or `undefined` where there is none. */
    readonly json: string | undefined,
  ) {}

  /**
   * Reads a value, or hands back a payload that was read already.
   *
   * @throws SocketUsageError `PAYLOAD_NOT_JSON` for what JSON cannot carry: cycles, BigInt, functions, symbols.
   */
  static of(value: unknown): Payload {
    if (value instanceof Payload) return value;
    if (value === undefined) return new Payload(undefined);
    let json: unknown;
    try {
      json = JSON.stringify(value);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
      throw new SocketUsageError('PAYLOAD_NOT_JSON', `The payload cannot be sent as JSON: ${reason}`, {
        cause,
      });
    }
    if (typeof json !== 'string') {
      throw new SocketUsageError(
        'PAYLOAD_NOT_JSON',
        `The payload cannot be sent as JSON: a ${typeof value} has no JSON form. Send an object, array, text, number, boolean or null.`,
      );
    }
    return new Payload(json);
  }

  /** A payload that was read before, by its JSON text. */
  static read(json: string | undefined): Payload {
    return new Payload(json);
  }

  /** The size that limits are checked against: bytes of UTF-8. */
  get bytes(): number {
    return this.json === undefined ? 0 : Buffer.byteLength(this.json);
  }
}
