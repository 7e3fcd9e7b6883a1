import { isPrivateHost } from '../../protocol/public-address.js';
import type { SettingProblem } from '../../settings/setting-problem.js';
import type { SocketAdapter } from '../adapter.js';
import { type HttpApiConfig, type WebhookConfig, wsSettings } from './ws.settings.js';

/** The native gateway: this backend is its own Pusher. */
export const wsAdapter: SocketAdapter<typeof wsSettings> = {
  name: 'ws',
  settings: wsSettings,
  packages: ['ws'],
  capabilities: {
    isClustered: true,
    hasGateway: true,
    signsInAsPusher: true,
    hasEncryptedChannels: true,
    carriesAnswers: true,
  },
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

function httpApiProblems({ enabled }: HttpApiConfig, given: ReadonlySet<string>): SettingProblem[] {
  const variable = 'SOCKET_HTTP_API_PORT';
  if (enabled || !given.has(variable)) return [];
  const problem = 'has no effect without SOCKET_HTTP_API=true';
  return [{ variable, problem, decidedBy: ['SOCKET_HTTP_API'] }];
}

function webhookProblems({ urls, privateTargets }: WebhookConfig): SettingProblem[] {
  if (privateTargets) return [];
  const hosts = urls.map((url) => new URL(url).hostname).filter(isPrivateHost);
  const remedy = 'SOCKET_WEBHOOK_PRIVATE_TARGETS=true allows it';
  return [...new Set(hosts)].map((host) => ({
    variable: 'SOCKET_WEBHOOK_URLS',
    problem: `${host} is not a public address; ${remedy}`,
    decidedBy: ['SOCKET_WEBHOOK_URLS', 'SOCKET_WEBHOOK_PRIVATE_TARGETS'],
  }));
}
