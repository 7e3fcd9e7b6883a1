import type { SocketConfig } from '../../ports/socket-config.js';
import { hostname, oneOf, port, textLike, wholeNumber, yesOrNo } from '../../settings/kinds.js';
import { type ConfigOf, setting } from '../../settings/setting.js';

/** Pusher's first cluster. Browsers need a cluster's name even where their own host makes it meaningless. */
export const DEFAULT_CLUSTER = 'mt1';

const cluster = textLike(/^[A-Za-z0-9-]+$/, 'must be a cluster name like eu or mt1');

/** The settings of the provider `pusher`. */
export const pusherSettings = {
  /** Where the Pusher HTTP API is, and its WebSocket end where that is not a hosted cluster's. */
  pusher: {
    /**
     * The hosted cluster, like `eu`. The provider `pusher` needs this or `PUSHER_HOST`.
     *
     * @default none
     */
    cluster: setting('PUSHER_CLUSTER', cluster),
    /**
     * The host name of another server with the Pusher HTTP API.
     *
     * @default none
     */
    host: setting('PUSHER_HOST', hostname),
    /**
     * The port of that server.
     *
     * @default the scheme's own
     */
    port: setting('PUSHER_PORT', port),
    /**
     * The scheme of that server: `https` or `http`.
     *
     * @default https
     */
    scheme: setting('PUSHER_SCHEME', oneOf(['https', 'http']), { default: 'https' }),
    /**
     * Milliseconds until a request is given up.
     *
     * @default 5000
     */
    timeoutMs: setting('PUSHER_TIMEOUT_MS', wholeNumber(1, 600_000), { default: 5_000, unit: 'ms' }),
    /**
     * Whether the relays of one turn of the event loop leave together, in fewer requests. `false` gives each a request of its own.
     *
     * @see docs/pusher.md#what-leaves-together
     * @default true
     */
    batching: setting('PUSHER_BATCHING', yesOrNo, { default: true }),
    /**
     * Whether events on channels with history carry their positions in an envelope around the payload, which `connect()` of the
     * browser helper takes off. Other clients get the envelope. Without it pages on hosted Pusher do not catch up.
     *
     * @see docs/history.md#hosted-pusher
     * @default false
     */
    envelope: setting('PUSHER_ENVELOPE', yesOrNo, { default: false }),
    /**
     * The host that browsers connect to, where that is neither a hosted cluster nor `PUSHER_HOST`.
     *
     * @default none
     */
    wsHost: setting('PUSHER_WS_HOST', hostname),
    /**
     * The port that browsers connect to, where that is not `PUSHER_PORT`.
     *
     * @default none
     */
    wsPort: setting('PUSHER_WS_PORT', port),
  },
};

/** The section `pusher` of the configuration. */
export type PusherConfig = ConfigOf<typeof pusherSettings.pusher>;

/** The configuration as this adapter reads it. */
export type PusherAdapterConfig = SocketConfig & ConfigOf<typeof pusherSettings>;
