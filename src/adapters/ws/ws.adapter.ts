import { isPrivateHost } from '../../protocol/public-address.js';
import type { SocketAdapter } from '../adapter.js';
import { type HttpApiConfig, type WebhookConfig, wsSettings } from './ws.settings.js';

/** The native gateway: this backend is its own Pusher. */
export const wsAdapter: SocketAdapter<typeof wsSettings> = {
  name: 'ws',
  settings: wsSettings,
  packages: ['ws'],
  capabilities: { isClustered: true, hasGateway: true, signsInAsPusher: true, hasEncryptedChannels: true },
  problems: ({ httpApi, webhooks }, _isChosen, given) => [
    ...httpApiProblems(httpApi, given),
    ...webhookProblems(webhooks),
  ],
  create: async (context) => (await import('./ws.module.js')).createWs(context),
  // The gateway listens on the application's own server.
  clientOptions: ({ gateway }, { hostname, port, secure, path }) => ({
    cluster: 'switchboard',
    forceTLS: secure,
    enabledTransports: ['ws', 'wss'],
    wsHost: hostname,
    ...(port !== undefined && { wsPort: port, wssPort: port }),
    ...(path + gateway.path !== '' && { wsPath: path + gateway.path }),
  }),
};

function httpApiProblems({ enabled }: HttpApiConfig, given: ReadonlySet<string>): string[] {
  if (enabled || !given.has('SOCKET_HTTP_API_PORT')) return [];
  return ['SOCKET_HTTP_API_PORT: has no effect without SOCKET_HTTP_API=true'];
}

function webhookProblems({ urls, privateTargets }: WebhookConfig): string[] {
  if (privateTargets) return [];
  const hosts = urls.map((url) => new URL(url).hostname).filter(isPrivateHost);
  const remedy = 'SOCKET_WEBHOOK_PRIVATE_TARGETS=true allows it';
  return [...new Set(hosts)].map((host) => `SOCKET_WEBHOOK_URLS: ${host} is not a public address; ${remedy}`);
}
