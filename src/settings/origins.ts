import { listReadBy } from './kinds.js';

/** The schemes of addresses that pages come from over HTTP. A host of theirs is a name or an address, and is required. */
const HTTP = /^https?:$/;

/** No page comes from such an address: they are protocols without pages, or browsers send `null` for them. */
const WITHOUT_ORIGIN = /^(?:wss?|ftp|data|blob|about|javascript):$/;

/**
 * Origins as browsers write them. A wildcard may be in place of the leftmost part of a host: `https://*.example.com`. Pages
 * without an origin, as in a sandboxed frame, send `null`.
 */
export const origins = listReadBy(
  originAsBrowsersWriteIt,
  'must be origins of pages like https://app.example.com, https://*.example.com, capacitor://localhost or null, ' +
    'without a path; an empty list allows any',
);

/**
 * An origin as browsers write it: in lower case, an international name in punycode, and neither the scheme's default port nor
 * a slash at the end. `undefined` where no browser sends it.
 */
export function originAsBrowsersWriteIt(text: string): string | undefined {
  if (text === 'null') return text;
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text) || !URL.canParse(text)) return undefined;
  const { protocol, host, hostname, pathname, search, hash, username, password } = new URL(text);
  const isBare = search + hash + username + password === '' && /^\/?$/.test(pathname) && !/[?#@]/.test(text);
  if (!isBare || WITHOUT_ORIGIN.test(protocol)) return undefined;
  const isHost = HTTP.test(protocol) ? hostname !== '' : /^[\w.-]*$/.test(hostname);
  if (!isHost || hostname.replace(/^\*\.(?=[^*])/, '').includes('*')) return undefined;
  return `${protocol}//${host}`.toLowerCase();
}
