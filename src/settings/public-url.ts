import { textReadBy } from './kinds.js';
import { setting } from './setting.js';

/** An address at which browsers reach this application. */
export interface PublicUrl {
  /** A name or an address; of IPv6 in brackets. */
  readonly hostname: string;
  /** The port; `undefined` when the URL has none, and so has the scheme's default port. */
  readonly port: number | undefined;
  readonly secure: boolean;
  /** The path that stands in front of the application's own: empty, or like `/api`. */
  readonly path: string;
}

const publicUrl = textReadBy(
  publicUrlOf,
  'must be an http or https URL without credentials, query or fragment, like https://app.example.com or https://app.example.com/api',
);

/** The address of the application outside. */
export const publicUrlSettings = {
  /**
   * The URL at which browsers reach the application's root, like `https://app.example.com`, or `https://app.example.com/api`
   * behind a proxy that takes `/api` away. `/socket/config` sends browsers there. Without it, that is the address they have
   * just asked.
   *
   * @see docs/gateway.md#behind-a-proxy
   * @default none
   */
  publicUrl: setting('SOCKET_PUBLIC_URL', publicUrl),
};

function publicUrlOf(text: string): PublicUrl | undefined {
  if (!URL.canParse(text) || /[?#\s]/.test(text)) return undefined;
  const { protocol, username, password, hostname, port, pathname } = new URL(text);
  if (!/^https?:$/.test(protocol) || username !== '' || password !== '') return undefined;
  return {
    hostname,
    port: port === '' ? undefined : Number(port),
    secure: protocol === 'https:',
    path: pathname.replace(/\/+$/, ''),
  };
}
