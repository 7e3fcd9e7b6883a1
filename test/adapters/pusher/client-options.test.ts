import 'reflect-metadata';
import { pusherAdapter } from '../../../src/adapters/pusher/pusher.adapter.js';
import type { PusherConfig } from '../../../src/adapters/pusher/pusher.settings.js';
import { configFor } from './support.js';

const origin = { hostname: 'app.example.com', port: 443, secure: true, path: '' };

function clientOptions(pusher: Partial<PusherConfig>) {
  const config = configFor(0);
  return pusherAdapter.clientOptions(
    { ...config, pusher: { scheme: 'https', timeoutMs: 5_000, batching: true, envelope: false, ...pusher } },
    origin,
  );
}

describe('where the pusher adapter sends a browser', () => {
  test('is the hosted cluster, over TLS', () => {
    expect(clientOptions({ cluster: 'eu' })).toEqual({
      cluster: 'eu',
      forceTLS: true,
      enabledTransports: ['ws', 'wss'],
    });
  });

  test('is the compatible server that has the HTTP API', () => {
    expect(clientOptions({ host: 'soketi.example.com', port: 6001, scheme: 'http' })).toEqual({
      cluster: 'mt1',
      forceTLS: false,
      enabledTransports: ['ws', 'wss'],
      wsHost: 'soketi.example.com',
      wsPort: 6001,
      wssPort: 6001,
    });
  });

  test('leaves the ports to pusher-js where none is known', () => {
    expect(clientOptions({ host: 'soketi.example.com', cluster: 'eu' })).toEqual({
      cluster: 'eu',
      forceTLS: true,
      enabledTransports: ['ws', 'wss'],
      wsHost: 'soketi.example.com',
    });
  });

  test('is the WebSocket end of its own, where there is one', () => {
    const options = clientOptions({
      host: 'api.internal',
      port: 8080,
      wsHost: 'ws.example.com',
      wsPort: 443,
    });

    expect(options).toMatchObject({ wsHost: 'ws.example.com', wsPort: 443, wssPort: 443 });
  });
});
