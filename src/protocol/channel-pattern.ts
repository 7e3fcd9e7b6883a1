import { shown } from '../ports/logger.js';
import { channelNameProblem, channelType } from './channel-name.js';

const PATTERN = /^(?:[A-Za-z0-9_\-=@,.;]|\{[A-Za-z_]\w*\})+$/;
const PLACEHOLDER = /\{(\w+)\}/g;

/**
 * The channels that a name with `{placeholders}` covers. A placeholder stands for one or more
 * characters, but not for a dot and not for the character that follows the placeholder. `private-orders.{orderId}` covers
 * `private-orders.7`, and neither `private-orders.7.items` nor `xprivate-orders.7`.
 */
export class ChannelPattern {
  /** The placeholders' names, in their order. */
  readonly names: readonly string[];
  readonly #expression: RegExp;

  /** @throws TypeError for a text that is no pattern */
  constructor(readonly text: string) {
    if (typeof text !== 'string' || !PATTERN.test(text)) {
      throw new TypeError(
        `Invalid channel pattern ${shown(text)}: a channel name with {placeholders} is expected`,
      );
    }
    if (text.includes('}{')) {
      throw new TypeError(
        `Invalid channel pattern "${text}": two placeholders need a character between them`,
      );
    }
    this.names = [...text.matchAll(PLACEHOLDER)].map(([, name = '']) => name);
    if (new Set(this.names).size < this.names.length) {
      throw new TypeError(`Invalid channel pattern "${text}": it has two placeholders of the same name`);
    }
    const source = text
      .split(PLACEHOLDER)
      .map((part, index, parts) =>
        index % 2 === 0 ? escaped(part) : `(?<${part}>${untilNext(parts[index + 1])})`,
      )
      .join('');
    this.#expression = new RegExp(`^${source}$`);
  }

  /**
   * A pattern of channels that need an authorizer.
   *
   * @throws TypeError for a text that is no pattern, or whose channels are public
   */
  static ofAuthorized(text: string): ChannelPattern {
    const pattern = new ChannelPattern(text);
    const { access } = channelType(text);
    if (access === 'private' || access === 'presence') return pattern;
    throw new TypeError(`Invalid channel pattern "${text}": it must begin with "private-" or "presence-"`);
  }

  /** @returns the placeholders' values when the pattern covers the channel, otherwise `undefined` */
  match(channel: string): Record<string, string> | undefined {
    const match = this.#expression.exec(channel);
    return match === null ? undefined : { ...match.groups };
  }

  /** Whether the pattern covers the channel. */
  covers(channel: string): boolean {
    return this.#expression.test(channel);
  }

  /** @returns the channel whose placeholders have these values; `undefined` where a placeholder cannot have its value */
  fill(values: Readonly<Record<string, unknown>>): string | undefined {
    const channel = this.text.replace(PLACEHOLDER, (_, name: string) => String(values[name]));
    const read = channelNameProblem(channel) === undefined ? this.match(channel) : undefined;
    return read !== undefined && this.names.every((name) => read[name] === values[name])
      ? channel
      : undefined;
  }

  /** The pattern without its placeholders' names. Two patterns with the same shape cover the same channels. */
  get shape(): string {
    return this.text.replace(PLACEHOLDER, '{}');
  }

  /** Compares for a sort: the more specific pattern, with more fixed characters, comes first. */
  static bySpecificity(a: ChannelPattern, b: ChannelPattern): number {
    return b.shape.replaceAll('{}', '').length - a.shape.replaceAll('{}', '').length;
  }
}

function escaped(text: string): string {
  return text.replace(/\./g, '\\.');
}

/** A placeholder ends at the character that follows it, so a name can be read in one way only, without backtracking. */
function untilNext(following = ''): string {
  const [end = ''] = following;
  return end === '-' ? '[^.\\-]+' : `[^.${end}]+`;
}
