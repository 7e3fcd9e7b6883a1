/** An endpoint of the backend that signs for `pusher-js`. */
export interface AuthEndpoint {
  readonly endpoint: string;
  readonly transport: 'ajax';
}

/**
 * The answer of `GET /socket/config`, with everything that a browser's client needs to connect. The adapter makes `options`,
 * and only the adapter's own client in the browser knows their form.
 */
export interface ClientConfig<Options extends object = object> {
  /** The provider in force. */
  readonly provider: string;
  /** The application's public key. */
  readonly key: string;
  readonly options: Options;
  readonly broadcastChannel: string;
  /**
   * The entries of `SOCKET_HISTORY`, where the positions of events ride in an envelope around the payload; absent where the gateway
   * tells them.
   */
  readonly history?: {
    readonly channels: readonly string[];
    /** The live position of the broadcast channel, where it has history. */
    readonly position?: string;
  };
  /** Whether the connection carries messages without a channel, and answers; absent where it does not. */
  readonly carriesAnswers?: true;
  /** The gateways beside that provider, for clients of other kinds; absent where there are none. */
  readonly beside?: readonly Pick<ClientConfig, 'provider' | 'options'>[];
  /** Milliseconds until the browser asks again, because another provider may be in force then; absent with one provider. */
  readonly recheckMs?: number;
}

/** The options that all providers with Pusher's signin have in common: `new Pusher(key, options)` takes them. */
export interface PusherAuthOptions {
  readonly channelAuthorization: AuthEndpoint;
  readonly userAuthentication: AuthEndpoint;
}
