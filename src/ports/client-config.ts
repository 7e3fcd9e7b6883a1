/** The endpoint that `pusher-js` asks for a signature. */
export interface AuthEndpoint {
  readonly endpoint: string;
  readonly transport: 'ajax';
}

/**
 * The answer of `GET /socket/config`: all that a browser's client needs to connect. `options` are the adapter's own, and
 * only the client's part in the browser knows their form.
 */
export interface ClientConfig<Options extends object = object> {
  /** The provider in force. */
  readonly provider: string;
  /** The application's public key. */
  readonly key: string;
  readonly options: Options;
  readonly broadcastChannel: string;
  /** Milliseconds until the browser asks again, since another provider may be in force then; absent with one provider. */
  readonly recheckMs?: number;
}

/** The part of the options that providers with Pusher's signin have in common: `new Pusher(key, options)` takes them. */
export interface PusherAuthOptions {
  readonly channelAuthorization: AuthEndpoint;
  readonly userAuthentication: AuthEndpoint;
}
