import { CHANNEL_EVENT_NAMES } from '../../ports/channel-events.js';
import type { SocketConfig } from '../../ports/socket-config.js';
import { listOf, listWhere, port, yesOrNo } from '../../settings/kinds.js';
import { type ConfigOf, setting } from '../../settings/setting.js';

const urls = listWhere(
  (entry) => URL.canParse(entry) && /^https?:$/.test(new URL(entry).protocol),
  'must be http or https URLs, separated by commas',
);

/** The gateway's services besides its WebSockets. */
export const wsSettings = {
  /** The Pusher HTTP API, as the gateway serves it. */
  httpApi: {
    /**
     * Whether the gateway serves the Pusher HTTP API, signed with the secret.
     *
     * @see docs/http-api.md
     * @default false
     */
    enabled: setting('SOCKET_HTTP_API', yesOrNo, { default: false }),
    /**
     * A port of its own for the HTTP API. Without one it is on the application's server.
     *
     * @default none
     */
    port: setting('SOCKET_HTTP_API_PORT', port),
  },
  /** Where channel events are posted to, signed as Pusher signs its webhooks. */
  webhooks: {
    /**
     * The URLs that channel events are posted to, as signed webhooks.
     *
     * @see docs/channel-events.md#webhooks-to-other-servers
     * @default []
     */
    urls: setting('SOCKET_WEBHOOK_URLS', urls, { default: [] }),
    /**
     * The names of the channel events that are posted, like `member_added,member_removed`. An empty list posts all.
     *
     * @see docs/channel-events.md
     * @default []
     */
    events: setting('SOCKET_WEBHOOK_EVENTS', listOf(CHANNEL_EVENT_NAMES), { default: [] }),
    /**
     * Whether webhooks may go to addresses that are not public too.
     *
     * @see docs/channel-events.md#where-it-may-post
     * @default false
     */
    privateTargets: setting('SOCKET_WEBHOOK_PRIVATE_TARGETS', yesOrNo, { default: false }),
  },
};

/** The section `httpApi` of the configuration: the Pusher HTTP API, as the gateway serves it. */
export type HttpApiConfig = ConfigOf<typeof wsSettings.httpApi>;

/** The section `webhooks` of the configuration: where channel events are posted to, signed as Pusher signs its webhooks. */
export type WebhookConfig = ConfigOf<typeof wsSettings.webhooks>;

/** The configuration as this adapter reads it. */
export type WsAdapterConfig = SocketConfig & ConfigOf<typeof wsSettings>;
