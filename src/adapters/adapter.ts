import type { Server } from 'node:http';
import type { ChannelEngine } from '../channels/channel-engine.js';
import type { ChannelEventSource } from '../channels/channel-event-source.js';
import type { Clock } from '../ports/clock.js';
import type { SocketLogger } from '../ports/logger.js';
import type { SocketClient } from '../ports/relay-client.js';
import type { SocketConfig } from '../ports/socket-config.js';
import type { ConfigOf, NoSection, Section, SettingsOf } from '../settings/setting.js';

/**
 * One provider, as one object. The built-in ones stand in `adapters/index.ts`; an application hands its own to
 * `SocketModule.forRoot({ adapters })` or `createSocketClient`. Making the object loads nothing: {@link create} does.
 */
export interface SocketAdapter<Sections extends Section = NoSection> {
  /** The value of `SOCKET_PROVIDER` that chooses it: lower-case letters, digits and `-`. */
  readonly name: string;
  /**
   * Its own sections of the configuration, made with `setting`. They are read, and their problems reported with all others,
   * whether or not the adapter is chosen. No other adapter has sections or variables of the same names.
   */
  readonly settings?: Sections;
  /** Its settings in code, which win over the environment; see `withSettings`. @default {} */
  readonly settingsInCode?: SettingsOf<Sections>;
  /** The npm packages that only it needs. A missing one is named together with the command that installs it. */
  readonly packages?: readonly string[];
  readonly capabilities?: AdapterCapabilities;
  /**
   * Finds what no single setting can be blamed for. A setting whose own value is refused has its default here, and lines
   * that name its variable are left out.
   *
   * @param isChosen whether `SOCKET_PROVIDER` names this adapter
   * @returns a line for each problem, beginning with a variable's name
   */
  problems?(config: SocketConfig & ConfigOf<Sections>, isChosen: boolean): readonly string[];
  /** Makes its parts, and loads its packages. Called once for each application or client. */
  create(context: AdapterContext<Sections>): AdapterParts | Promise<AdapterParts>;
  /**
   * The options of the browser's client, without a secret: where to connect. Only the client's part in the browser knows
   * their form; for browsers that sign in as Pusher's do, it is the options of `new Pusher(key, options)`.
   */
  clientOptions(config: SocketConfig & ConfigOf<Sections>, origin: ClientOrigin): object;
}

/** The properties of a provider that others have to know of. All are absent by default. */
export interface AdapterCapabilities {
  /** It serves connections of its own, which the other nodes of a cluster have to know of. */
  readonly isClustered?: true;
  /** Browsers connect to this process's HTTP server, so without one nobody can hear its relays. */
  readonly hasGateway?: true;
  /**
   * Failed relays may be sent again. Then nothing of a failed relay has reached the recipients whom its error names as
   * `retryableLost`, as far as can be known; and, while `delivery.retryDeadlineMs` is not 0, relays to a member or a channel
   * that were made after it and before it failed fail likewise, so that they do not overtake it.
   */
  readonly isRetried?: true;
  /** Browsers ask `/socket/auth` and `/socket/user-auth` for signatures, as `pusher-js` does. */
  readonly signsInAsPusher?: true;
  /**
   * It encrypts the events of `private-encrypted-` channels. Without it a relay to such a channel is refused, so that nothing
   * leaves in plain text.
   */
  readonly hasEncryptedChannels?: true;
  /** It is a fake for tests: it throws by default, nothing of it is retried or queued, and it has no second provider. */
  readonly isFake?: true;
  /** It needs the application's credentials (`SOCKET_APP_…`) outside production too. */
  readonly needsCredentials?: true;
}

/** The surroundings of an adapter. */
export interface AdapterContext<Sections extends Section = NoSection> {
  readonly config: SocketConfig & ConfigOf<Sections>;
  readonly logger: SocketLogger;
  readonly clock: Clock;
  /** Takes the channel events that the application hears. */
  readonly channelEvents: ChannelEventSource;
  /** Makes a channel engine, in the configured cluster where the adapter `isClustered`. */
  createEngine(clock?: Clock): ChannelEngine;
}

/** The parts of an adapter. */
export interface AdapterParts {
  readonly client: SocketClient;
  /** Its own clock, which the relays then go by. @default the system's */
  readonly clock?: Clock;
  /** The engine that serves this process's connections. */
  readonly engine?: ChannelEngine;
  readonly attachment?: ServerAttachment;
  readonly webhooks?: WebhookCounters;
}

/** The address under which a browser reached this backend, as seen by the request that asked. */
export interface ClientOrigin {
  readonly hostname: string;
  /** Absent where the URL had none: then it is the scheme's own. */
  readonly port: number | undefined;
  readonly secure: boolean;
}

/** A part that listens on the host application's HTTP server. */
export interface ServerAttachment {
  /**
   * Starts to listen. Leaves every path but its own to the server's other listeners.
   *
   * @param path the path of the module's endpoints; `/socket` unless the host says otherwise
   * @throws SocketConfigurationError when it cannot, now or by rejecting
   */
  attach(server: Server, path?: string): void | Promise<void>;
  /** Stops to listen, unless closing the client does. */
  detach?(): void;
}

/** A part that posts webhooks. */
export interface WebhookCounters {
  /** One entry for each URL. `waiting` is now, the others since the process started. */
  readonly statistics: readonly {
    readonly waiting: number;
    readonly delivered: number;
    readonly lost: number;
  }[];
}
