import * as v from 'valibot';
import { channelNameProblem, channelType } from '../protocol/channel-name.js';
import { limit, wholeNumber, yesOrNo } from './kinds.js';
import { origins } from './origins.js';
import { type Kind, setting } from './setting.js';

const CLIENT_EVENTS = 'must be true, false, or a comma-separated list of private- and presence- channels';

const clientEvents: Kind<boolean | readonly string[]> = {
  fromText: (text) =>
    text === 'true' || text === 'false' ? text === 'true' : text.split(',').map((name) => name.trim()),
  schema: v.union(
    [
      v.boolean(),
      v.pipe(
        v.array(v.string()),
        v.check((names) => names.every(mayCarryClientEvents), CLIENT_EVENTS),
      ),
    ],
    CLIENT_EVENTS,
  ),
};

function mayCarryClientEvents(name: string): boolean {
  const { access } = channelType(name);
  return channelNameProblem(name) === undefined && (access === 'private' || access === 'presence');
}

/** The settings of connections and channels. */
export const gatewaySettings = {
  /** The channel engine's settings, which the gateway of `ws` and the fake share. */
  gateway: {
    /**
     * Where client events (`client-…`) are allowed: `true` everywhere, `false` nowhere, or a list of the private and presence
     * channels that may carry them. The reference backend's own default is `presence-lobby`, its page's room.
     *
     * @default false
     */
    clientEvents: setting('SOCKET_CLIENT_EVENTS', clientEvents, { default: false }),
    /**
     * Whether subscribers are told how many they are.
     *
     * @default false
     */
    subscriptionCount: setting('SOCKET_SUBSCRIPTION_COUNT', yesOrNo, { default: false }),
    /**
     * Seconds of silence until the gateway and `pusher-js` ping each other. It has to be less than the idle limit of every proxy
     * between them.
     *
     * @see docs/gateway.md#proxies-that-end-silent-connections
     * @default 30
     */
    activityTimeoutS: setting('SOCKET_ACTIVITY_TIMEOUT_S', wholeNumber(1, 86_400), {
      default: 30,
      unit: 's',
    }),
    /**
     * Seconds that a pinged connection has to answer before it is closed with 4201.
     *
     * @default 30
     */
    pongTimeoutS: setting('SOCKET_PONG_TIMEOUT_S', wholeNumber(1, 3_600), { default: 30, unit: 's' }),
    /**
     * Milliseconds that a member may be gone, as in a page reload, before its presence channels are told; 0 tells at once.
     *
     * @default 3000
     */
    presenceGraceMs: setting('SOCKET_PRESENCE_GRACE_MS', wholeNumber(0, 600_000), {
      default: 3_000,
      unit: 'ms',
    }),
    /**
     * Milliseconds over which the clients are disconnected, group by group, when the process ends and other nodes of its
     * cluster take them. With few clients it takes less time. 0 disconnects all of them at once, as a process does that is
     * alone.
     *
     * @see docs/gateway.md#going-away
     * @default 5000
     */
    drainMs: setting('SOCKET_DRAIN_MS', wholeNumber(0, 600_000), { default: 5_000, unit: 'ms' }),
    /**
     * The origins that browsers may connect from, like `https://app.example.com`, `https://*.example.com`, `capacitor://localhost`
     * or `null`. An empty list allows any.
     *
     * @see docs/gateway.md#origins
     * @default []
     */
    allowedOrigins: setting('SOCKET_ALLOWED_ORIGINS', origins, { default: [] }),
    /** The limits against strangers. 0 switches each off. */
    limits: {
      /**
       * Open connections of this process; beyond it, HTTP 503 before the upgrade. 0 switches this and each of the following
       * limits off.
       *
       * @see docs/gateway.md#limits
       * @default 100000
       */
      connections: setting('SOCKET_MAX_CONNECTIONS', limit, { default: 100_000 }),
      /**
       * Open connections from one network address, of IPv6 from one /64. It is off by default: behind a proxy every client has
       * the proxy's address.
       *
       * @default 0
       */
      connectionsPerAddress: setting('SOCKET_MAX_CONNECTIONS_PER_ADDRESS', limit, { default: 0 }),
      /**
       * Channels of this process. Above this number a client cannot open a public channel that does not exist yet.
       *
       * @default 1000000
       */
      channels: setting('SOCKET_MAX_CHANNELS', limit, { default: 1_000_000 }),
      /**
       * Subscriptions of one connection.
       *
       * @default 500
       */
      channelsPerConnection: setting('SOCKET_MAX_CHANNELS_PER_CONNECTION', limit, { default: 500 }),
      /**
       * Messages of any kind from one connection in a second. A long message counts once more for each KiB. Messages above the
       * limit are handled in the next second.
       *
       * @default 1000
       */
      messagesPerSecond: setting('SOCKET_MAX_MESSAGES_PER_SECOND', limit, { default: 1_000 }),
      /**
       * Subscribe messages of one connection in any second.
       *
       * @default 500
       */
      subscribesPerSecond: setting('SOCKET_MAX_SUBSCRIBES_PER_SECOND', limit, { default: 500 }),
      /**
       * Signins of one connection in any second.
       *
       * @default 10
       */
      signinsPerSecond: setting('SOCKET_MAX_SIGNINS_PER_SECOND', limit, { default: 10 }),
      /**
       * New watchlists of one member in a second, on all connections to this process together. A list is new when somebody is on it
       * whom nobody on this process watches. Lists above the limit are watched in a later second.
       *
       * @default 10
       */
      watchlistsPerSecond: setting('SOCKET_MAX_WATCHLISTS_PER_SECOND', limit, { default: 10 }),
      /**
       * Client events of one connection in any second.
       *
       * @default 10
       */
      clientEventsPerSecond: setting('SOCKET_MAX_CLIENT_EVENTS_PER_SECOND', limit, { default: 10 }),
      /**
       * Bytes of one message from a client; a longer one closes the connection with 1009.
       *
       * @default 65536
       */
      frameBytes: setting('SOCKET_MAX_FRAME_BYTES', limit, { default: 65_536, unit: 'bytes' }),
      /**
       * Bytes that wait for a client which reads slowly; beyond it the connection is closed with 4100.
       *
       * @default 1048576
       */
      bufferedBytes: setting('SOCKET_MAX_BUFFERED_BYTES', limit, { default: 1_048_576, unit: 'bytes' }),
      /**
       * Requests to the Pusher HTTP API that wait on one connection, because its client sends them without waiting for answers;
       * beyond it, HTTP 503 and the end of the connection. One of them is handled in each turn of the event loop.
       *
       * @default 100
       */
      pipelinedRequests: setting('SOCKET_MAX_PIPELINED_REQUESTS', limit, { default: 100 }),
      /**
       * Distinct members of one presence channel.
       *
       * @default 100
       */
      presenceMembers: setting('SOCKET_MAX_PRESENCE_MEMBERS', limit, { default: 100 }),
      /**
       * Seconds after which a connection is closed with 4009 if it has neither signed in nor joined a private or presence
       * channel.
       *
       * @default 0
       */
      unauthorizedS: setting('SOCKET_UNAUTHORIZED_TIMEOUT_S', limit, { default: 0, unit: 's' }),
    },
  },
};
