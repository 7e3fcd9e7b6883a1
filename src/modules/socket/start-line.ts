import type { Server } from 'node:http';
import { Server as TlsServer } from 'node:tls';
import type { SocketConfig } from '../../ports/socket-config.js';
import type { SocketRuntime } from '../../runtime/socket-runtime.js';
import type { PublicUrl } from '../../settings/public-url.js';

/**
 * The line that says what was started, like
 * `Provider "ws", gateway ws://localhost:3000/app/my-key (public wss://app.example.com/app/my-key), cluster local, delivery direct`.
 *
 * @param server the application's HTTP server, which listens; absent in a process without one
 */
export function startLine(runtime: SocketRuntime, server?: Server): string {
  const { config, providers, gateways } = runtime;
  const names = providers.map(({ name }) => `"${name}"`).join(' and ');
  const isClustered = providers.some(({ adapter }) => adapter.capabilities?.isClustered === true);
  const isFake = providers.some(({ adapter }) => adapter.capabilities?.isFake === true);
  return [
    config.second === undefined ? `Provider ${names}` : `Providers ${names} (${config.second.role})`,
    ...(server === undefined ? [] : pathsOf(providers).map((path) => gatewayOf(path, config, server))),
    ...gateways.map(({ name }) => `beside it "${name}"`),
    ...(server === undefined ? [] : pathsOf(gateways).map((path) => gatewayOf(path, config, server))),
    ...(isClustered ? [`cluster ${config.cluster}`] : []),
    // The fake neither retries nor queues.
    ...(isFake ? [] : [`delivery ${config.delivery.mode}`]),
  ].join(', ');
}

function pathsOf(providers: SocketRuntime['providers']): string[] {
  return providers.flatMap(({ attachment }) => attachment?.clientPath ?? []);
}

/** The gateway's address on this machine, and the public one where a setting says it. */
function gatewayOf(path: string, { publicUrl }: SocketConfig, server: Server): string {
  const inside = `gateway ${addressOf(server)}${path}`;
  return publicUrl === undefined ? inside : `${inside} (public ${publicAddress(publicUrl)}${path})`;
}

function publicAddress({ hostname, port, secure, path }: PublicUrl): string {
  return `${secure ? 'wss' : 'ws'}://${hostname}${port === undefined ? '' : `:${port}`}${path}`;
}

/** Where the server listens, as an address of this machine. */
function addressOf(server: Server): string {
  const address = server.address();
  const scheme = server instanceof TlsServer ? 'wss' : 'ws';
  if (address === null || typeof address === 'string') return `${scheme}+unix:${address ?? ''}:`;
  const isEverywhere = address.address === '::' || address.address === '0.0.0.0';
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return `${scheme}://${isEverywhere ? 'localhost' : host}:${address.port}`;
}
