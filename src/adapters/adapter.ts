import type { Server } from 'node:http';
import type { ContainerModule } from 'inversify';
import type { SocketConfig } from '../ports/socket-config.js';

/** Where a browser reached this backend, as seen by the request that asked. */
export interface ClientOrigin {
  readonly hostname: string;
  /** Absent where the URL had none: then it is the scheme's own. */
  readonly port: number | undefined;
  readonly secure: boolean;
}

/** The provider's part of `new Pusher(key, options)`: where to connect. Never a secret. */
export interface ClientOptions {
  /** `pusher-js` insists on one, also where `wsHost` makes it meaningless. */
  readonly cluster: string;
  readonly forceTLS: boolean;
  /** Always set: without it `pusher-js` falls back to transports that only hosted Pusher serves. */
  readonly enabledTransports: readonly ['ws', 'wss'];
  readonly wsHost?: string;
  readonly wsPort?: number;
  readonly wssPort?: number;
  readonly wsPath?: string;
}

/**
 * What an adapter is: a container module that binds `SOCKET_CLIENT` and its parts, and the browser's side of it.
 * `adapters/index.ts` is the one place that lists them.
 */
export interface SocketAdapter {
  /** Binds `SOCKET_CLIENT` (an `ISocketClient`, singleton). May count on `SOCKET_CONFIG`, `LOGGER` and `ChannelEventSource`, and on `JOIN_CLUSTER` where `isClustered`. */
  readonly module: ContainerModule;
  /** Whether it serves connections of its own, which the other nodes of a cluster have to know of. */
  readonly isClustered?: true;
  /**
   * Whether calls that fail in a way a retry can help are made again for it. Then nothing of such a call has reached those
   * whom its error names as `retryableLost`, as far as can be known; and, while `delivery.retryDeadlineMs` is not 0, calls
   * to a member or a channel that were made after it and before it failed fail likewise, so that they do not overtake it.
   */
  readonly isRetried?: true;
  /** Where `pusher-js` connects to. */
  clientOptions(config: SocketConfig, origin: ClientOrigin): ClientOptions;
}

/** Bound by adapters that listen on the host application's HTTP server. */
export interface ServerAttachment {
  /**
   * Starts to listen. Leaves every path but its own to the server's other listeners.
   *
   * @param path where the module's endpoints are; `/socket` unless the host says otherwise
   * @throws SocketConfigurationError when it cannot, now or by rejecting
   */
  attach(server: Server, path?: string): void | Promise<void>;
  /** Stops to listen, unless closing the client does. */
  detach?(): void;
}

/** The inversify token of {@link ServerAttachment}. */
export const SERVER_ATTACHMENT = Symbol.for('nestjs-switchboard.ServerAttachment');

/** Bound by adapters that post webhooks. */
export interface WebhookCounters {
  /** One for each URL. `waiting` is now, the others since the process started. */
  readonly statistics: readonly {
    readonly waiting: number;
    readonly delivered: number;
    readonly lost: number;
  }[];
}

/** The inversify token of {@link WebhookCounters}. */
export const WEBHOOK_COUNTERS = Symbol.for('nestjs-switchboard.WebhookCounters');
