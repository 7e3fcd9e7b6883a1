export type {
  AdapterCapabilities,
  AdapterContext,
  AdapterParts,
  ClientOrigin,
  ServerAttachment,
  SocketAdapter,
  WebhookCounters,
} from './adapters/adapter.js';
export type {
  BuiltInConfig,
  HttpApiConfig,
  PusherConfig,
  SocketIoConfig,
  WebhookConfig,
} from './adapters/index.js';
export { withSettings } from './adapters/with-settings.js';
export type { ChannelEngine } from './channels/channel-engine.js';
export type { ChannelEventSource } from './channels/channel-event-source.js';
export type { Environment, SocketSettings } from './config/settings.js';
export { socketConfig, type SocketConfigOptions } from './config/socket-config.js';
export { AuthorizeChannel } from './modules/socket/authorization/authorize-channel.decorator.js';
export { MemberSocket } from './modules/socket/handlers/member-socket.js';
export {
  SocketHandlers,
  type SocketHandlersOptions,
} from './modules/socket/handlers/socket-handlers.decorator.js';
export { LivePosition } from './modules/socket/live-position.decorator.js';
export { SocketModule } from './modules/socket/socket.module.js';
export { SocketService } from './modules/socket/socket.service.js';
export { SocketHealthIndicator, type SocketHealthResult } from './modules/socket/socket-health.indicator.js';
export type {
  MetricsRegistry,
  SocketModuleAsyncOptions,
  SocketModuleOptions,
  SocketModulePaths,
} from './modules/socket/socket-options.js';
export type {
  Admission,
  ChannelAuth,
  ChannelAuthorizer,
  PresenceMember,
  UserAuth,
} from './ports/authorization.js';
export type { CallerAuthorization } from './ports/callers.js';
export type { ChannelEventName, ChannelEvents } from './ports/channel-events.js';
export type { ClientConfig } from './ports/client-config.js';
export type {
  ClientMessage,
  MessageAnswer,
  MessageError,
  MessageErrorCode,
  MessageReceiver,
  MessageSender,
} from './ports/client-messages.js';
export type { Clock, Timer } from './ports/clock.js';
export type { ClusterStatistics } from './ports/cluster.js';
export {
  type DeliveryFailure,
  MissingPackageError,
  SocketConfigurationError,
  SocketDeliveryError,
  SocketError,
  type SocketErrorCode,
  SocketNoAnswerError,
  SocketRejectedError,
  SocketUnavailableError,
  SocketUsageError,
} from './ports/errors.js';
export type { EventName, PayloadOf } from './ports/event-map.js';
export type { HttpRequest } from './ports/http-request.js';
export type * from './ports/identity.js';
export { LIMITS } from './ports/limits.js';
export type { LogFields, SocketLogger } from './ports/logger.js';
export { type LossDetails, rejected, unanswered, unavailable } from './ports/losses.js';
export type { Payload } from './ports/payload.js';
export { Refusal, type RefusalCode } from './ports/refusal.js';
export type { Relay, RelayKind } from './ports/relay.js';
export { type AdapterClient, RelayClient, type RelaySender } from './ports/relay-client.js';
export {
  type AskOptions,
  type ChannelMember,
  type DeliveryHealth,
  type ImmediateRelayOptions,
  type ISocketClient,
  type ProviderHealth,
  type QueueHealth,
  type RelayOptions,
  type SecondHealth,
  SOCKET_CLIENT,
} from './ports/socket-client.js';
export type {
  AppCredentials,
  ClusterKind,
  DeliveryConfig,
  DeliveryMode,
  FailurePolicy,
  GatewayConfig,
  GatewayLimits,
  HandlerConfig,
  Provider,
  PublicUrl,
  RedisAddress,
  RedisClientOptions,
  RedisConfig,
  SecondConfig,
  SecondRole,
  SocketConfig,
} from './ports/socket-config.js';
export type * from './ports/socket-events.js';
export type { HistoryEntry, HistoryOf, HistoryOptions } from './relays/channel-history.js';
export type { ChannelListener } from './relays/channel-listeners.js';
export type { LostRelay, Receipt, RelayOutcome } from './relays/receipt.js';
export {
  createSocketClient,
  type SocketClient,
  type SocketClientOptions,
} from './runtime/create-socket-client.js';
export * as kinds from './settings/kinds.js';
export {
  type ConfigOf,
  type Kind,
  type Section,
  type Setting,
  setting,
  type SettingsOf,
} from './settings/setting.js';
export type { SettingProblem } from './settings/setting-problem.js';
