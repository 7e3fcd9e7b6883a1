import { inspect } from 'node:util';
import type { Setting } from '../settings/setting.js';

/** A value as the message about it shows it: without secrets. */
export function shownValue(value: unknown, { isSecret = false, hideSecrets = same }: Setting): string {
  const show = (item: unknown): string => {
    if (Array.isArray(item)) return `[${item.map(show).join(', ')}]`;
    if (typeof item === 'string') return JSON.stringify(withoutUrlSecrets(hideSecrets(item)));
    return withoutUrlSecrets(hideSecrets(inspect(item, { depth: 1, breakLength: Infinity })));
  };
  if (!isSecret) return show(value);
  return typeof value === 'string' ? `${value.length} characters` : `a ${typeof value}`;
}

/** A URL may carry a user and a password, and a token behind its path: `https://user:password@host?token`. */
function withoutUrlSecrets(text: string): string {
  return text.replace(/\/\/[^/@\s,]*@/g, '//…@').replace(/(\/\/[^?#]*)[?#].*?(?=,\s*\w+:\/\/|$)/gs, '$1?…');
}

function same(text: string): string {
  return text;
}
