import { text, textLike, textReadBy } from './kinds.js';
import { setting } from './setting.js';

/** Ids and keys become part of URLs, so they are kept to what needs no escaping there. */
const urlSafe = textLike(/^[A-Za-z0-9._-]+$/, 'may have letters, digits and . _ - only');

const masterKey = textReadBy((text): Buffer | undefined => {
  const key = Buffer.from(text, 'base64');
  return key.length === 32 && key.toString('base64') === text ? key : undefined;
}, 'must be 32 bytes in base64: openssl rand -base64 32');

/** The credentials outside production where none are given, so that the gateway starts with no environment at all. */
export const DEVELOPMENT_APP = Object.freeze({
  id: 'switchboard',
  key: 'switchboard-key',
  secret: 'switchboard-secret',
});

/** The application's credentials, and the key of its encrypted channels. */
export const appSettings = {
  /** The application's credentials, the same for `ws` and `pusher`. */
  app: {
    /**
     * The application's id, on `ws` and `pusher` alike. This default and the next two are for development: `pusher` and
     * production need your own.
     *
     * @default switchboard
     */
    id: setting('SOCKET_APP_ID', urlSafe, { default: DEVELOPMENT_APP.id }),
    /**
     * The application's key. It is public: browsers know it.
     *
     * @default switchboard-key
     */
    key: setting('SOCKET_APP_KEY', urlSafe, { default: DEVELOPMENT_APP.key }),
    /**
     * The application's secret, which signs what members may join; at least 20 characters in production. It never leaves the
     * backend, and no message or log shows it.
     *
     * @default switchboard-secret
     */
    secret: setting('SOCKET_APP_SECRET', text, { default: DEVELOPMENT_APP.secret, isSecret: true }),
  },
  /**
   * The key that turns encrypted channels on: 32 bytes in base64 (`openssl rand -base64 32`). It never leaves the backend,
   * and no message or log shows it.
   *
   * @see docs/relay.md#encrypted-channels
   * @default none
   */
  encryptionMasterKey: setting('SOCKET_ENCRYPTION_MASTER_KEY', masterKey, { isSecret: true }),
};
