import { fieldsOf, type Message } from './answer.js';
import { type Position, positionIn } from './position.js';

/** The channels whose events carry their position themselves, because the provider sends nothing of its own beside them. */
export class EnvelopedChannels {
  readonly #patterns: RegExp[];

  /** @param patterns names of channels with `{placeholders}`, as authorizers have them */
  constructor(patterns: readonly string[]) {
    this.#patterns = patterns.map(expressionOf);
  }

  /** @param name the name of a channel; `members` and `broadcast` are the member's own and the broadcast channel */
  has(name: string): boolean {
    return this.#patterns.some((pattern) => pattern.test(name));
  }
}

function expressionOf(pattern: string): RegExp {
  const source = pattern.replace(/\{\w+\}(.?)|[^{]/g, (part: string, next?: string) => {
    if (next === undefined) return escaped(part);
    return next === '' ? '[^.]+' : `[^.${escaped(next)}]+${escaped(next)}`;
  });
  return new RegExp(`^${source}$`);
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|-]/g, '\\$&');
}

/** Takes an event out of its envelope. An encrypted one has the position beside its ciphertext, and stays as it is. */
export function unwrapped(message: Message): { readonly message: Message; readonly position?: Position } {
  const { switchboard, payload, position: beside } = fieldsOf(message.data);
  const inside = positionIn(fieldsOf(switchboard)['position']);
  if (inside !== undefined) return { message: { ...message, data: payload }, position: inside };
  const position = positionIn(beside);
  return position === undefined ? { message } : { message, position };
}
