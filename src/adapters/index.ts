import type { ConfigOf } from '../settings/setting.js';
import type { SocketAdapter } from './adapter.js';
import { memoryAdapter } from './memory/memory.adapter.js';
import { pusherAdapter } from './pusher/pusher.adapter.js';
import type { pusherSettings } from './pusher/pusher.settings.js';
import { socketIoAdapter } from './socket-io/socket-io.adapter.js';
import type { socketIoSettings } from './socket-io/socket-io.settings.js';
import { wsAdapter } from './ws/ws.adapter.js';
import type { wsSettings } from './ws/ws.settings.js';

export type { PusherConfig } from './pusher/pusher.settings.js';
export type { SocketIoConfig } from './socket-io/socket-io.settings.js';
export type { HttpApiConfig, WebhookConfig } from './ws/ws.settings.js';

/** The adapters that come with the package. Each is loaded when it is chosen. */
export const BUILT_IN_ADAPTERS: readonly SocketAdapter[] = [
  wsAdapter,
  pusherAdapter,
  socketIoAdapter,
  memoryAdapter,
];

/** The sections of the configuration that the built-in adapters have. */
export type BuiltInSections = typeof wsSettings & typeof pusherSettings & typeof socketIoSettings;

/** The configuration that {@link BuiltInSections} make. */
export type BuiltInConfig = ConfigOf<BuiltInSections>;
