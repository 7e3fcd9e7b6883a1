import { SocketUsageError } from './errors.js';

/**
 * A payload, read once. It holds the JSON text of the moment of the call, so a later change of the caller's object does not
 * change the event, and no relay is serialized twice.
 */
export class Payload {
  private constructor(
    /** The payload as JSON, or `undefined` where there is none. */
    readonly json: string | undefined,
  ) {}

  /**
   * Reads a value. A `Payload` is returned as it is.
   *
   * @throws SocketUsageError `PAYLOAD_NOT_JSON` for a value without a JSON form: a cycle, a BigInt, a function or a symbol
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
        `The payload cannot be sent as JSON: ${typeof value === 'object' ? 'an' : 'a'} ${typeof value} has no JSON form. Send an object, array, text, number, boolean or null.`,
      );
    }
    return new Payload(json);
  }

  /** Makes a payload from its JSON text, which was read before. */
  static read(json: string | undefined): Payload {
    return new Payload(json);
  }

  /** The size that is checked against limits: bytes of the JSON text as UTF-8. */
  get bytes(): number {
    return this.json === undefined ? 0 : Buffer.byteLength(this.json);
  }
}
