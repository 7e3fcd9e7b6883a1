import type { Server } from 'node:http';
import type { ChannelEngine } from '../channels/channel-engine.js';
import type { ChannelEventSource } from '../channels/channel-event-source.js';
import type { CallerAuthorization } from '../ports/callers.js';
import type { Clock } from '../ports/clock.js';
import type { EventLog } from '../ports/history.js';
import type { SocketLogger } from '../ports/logger.js';
import type { AdapterClient } from '../ports/relay-client.js';
import type { PublicUrl, SocketConfig } from '../ports/socket-config.js';
import type { ConfigOf, NoSection, Section, SettingsOf } from '../settings/setting.js';
import type { SettingProblem } from '../settings/setting-problem.js';

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
   * Finds problems between several settings, which the check of a single setting cannot find. A setting with an invalid
   * value has its default here.
   *
   * @param isChosen whether `SOCKET_PROVIDER` names this adapter
   * @param given the variables that have a value, valid or not, be it in the environment or in code
   */
  problems?(
    config: SocketConfig & ConfigOf<Sections>,
    isChosen: boolean,
    given: ReadonlySet<string>,
  ): readonly SettingProblem[];
  /** Creates its parts, and loads its packages. Called once for each application or client. */
  create(context: AdapterContext<Sections>): AdapterParts | Promise<AdapterParts>;
  /**
   * The options of the browser's client, without a secret: where to connect. Only the client's part in the browser knows
   * their form; for browsers that sign in as Pusher's do, it is the options of `new Pusher(key, options)`.
   */
  clientOptions(config: SocketConfig & ConfigOf<Sections>, origin: ClientOrigin): object;
  /**
   * Whether the events of channels with history carry their positions in an envelope around the payload, because the server between
   * them and the browsers cannot tell them. @default undefined, never
   */
  hasEnvelope?(config: SocketConfig & ConfigOf<Sections>): boolean;
}

/** The properties of a provider that other parts of the library need to know. All are absent by default. */
export interface AdapterCapabilities {
  /** It serves connections of its own, so it needs the configured cluster to reach those on other nodes. */
  readonly isClustered?: true;
  /** Browsers connect to this process's HTTP server. Without a server it can reach nobody on this node. */
  readonly hasGateway?: true;
  /**
   * Failed relays may be sent again. The adapter then promises two things. As far as it can know, no part of a failed relay
   * has reached the recipients in its error's `retryableLost`. And, unless `delivery.retryDeadlineMs` is 0, a failed relay
   * also fails the later relays to the same member or channel that were made before the failure was known, so that they do
   * not overtake the retry.
   */
  readonly isRetried?: true;
  /** Browsers ask `/socket/auth` and `/socket/user-auth` for signatures, as `pusher-js` does. */
  readonly signsInAsPusher?: true;
  /**
   * It encrypts the events of `private-encrypted-` channels. Without it a relay to such a channel is refused, so that nothing
   * leaves in plain text.
   */
  readonly hasEncryptedChannels?: true;
  /** The most characters of a member's id on presence channels. Absent where every member id may be there. */
  readonly presenceIdLength?: number;
  /**
   * Its connections carry messages to the application's handlers that have no channel, and answers in both directions. Without it,
   * handlers get the client events that it reports as channel events.
   */
  readonly carriesAnswers?: true;
  /** It is a fake for tests: failures throw by default, relays are not retried or queued, and it has no second provider. */
  readonly isFake?: true;
  /** It needs the application's credentials (`SOCKET_APP_…`) outside production too. */
  readonly needsCredentials?: true;
}

/** The parts of the application that an adapter is created with. */
export interface AdapterContext<Sections extends Section = NoSection> {
  readonly config: SocketConfig & ConfigOf<Sections>;
  readonly logger: SocketLogger;
  readonly clock: Clock;
  /** Emits channel events to the application's listeners. */
  readonly channelEvents: ChannelEventSource;
  /** Creates a channel engine, in the configured cluster when the adapter `isClustered`. */
  createEngine(clock?: Clock): Promise<ChannelEngine>;
  /**
   * Creates the logs of channels, for an adapter that has no engine: in Redis with `SOCKET_CLUSTER=redis`, otherwise in the memory of
   * this process. The adapter's client closes it.
   */
  createLog(): Promise<EventLog>;
}

/** The parts of an adapter. */
export interface AdapterParts {
  readonly client: AdapterClient;
  /** Its own clock, which delayed relays and retries then use too. @default the system's clock */
  readonly clock?: Clock;
  /** The engine that serves this process's connections. */
  readonly engine?: ChannelEngine;
  /** The history of an adapter that has no engine and keeps events. */
  readonly history?: EventLog;
  readonly attachment?: ServerAttachment;
  readonly webhooks?: WebhookCounters;
}

/**
 * The address at which a browser reaches this backend: the configured one, or the one that the browser has asked. Its `path`
 * belongs before every path of this backend that a browser is told, also before `config.gateway.path`.
 */
export type ClientOrigin = PublicUrl;

/** A part that listens on the host application's HTTP server. */
export interface ServerAttachment {
  /** The path at which browsers connect, for the line that says what was started. Absent where none do. */
  readonly clientPath?: string;
  /**
   * Starts to listen. Requests with other paths are left to the server's other listeners.
   *
   * @param path the path of the module's endpoints; `/socket` unless the host says otherwise
   * @param callers the application's decisions about callers, for an adapter whose browsers do not ask those endpoints
   * @throws SocketConfigurationError when it cannot listen; it throws, or the promise rejects
   */
  attach(server: Server, path: string, callers: CallerAuthorization): void | Promise<void>;
  /** Stops to listen. Absent when closing the client does that. */
  detach?(): void;
}

/** A part that posts webhooks. */
export interface WebhookCounters {
  /** One entry for each URL. `waiting` is the present number; the others are counted since the process started. */
  readonly statistics: readonly {
    readonly waiting: number;
    readonly delivered: number;
    readonly lost: number;
  }[];
}
