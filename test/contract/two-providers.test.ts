import type { SocketModuleOptions } from 'nestjs-switchboard';
import { describeSocketClient } from 'nestjs-switchboard/testing';
import { openBrowser, type PusherBrowser } from '../support/pusher-browser.js';
import { startSocketApp } from '../support/socket-app.js';

const app = { id: 'app-1', key: 'key-1', secret: 'secret-1' };

/** A backend with a Pusher, played by a gateway of ours, and a gateway of its own; browsers go where it leads them. */
function describeTwo(name: string, options: SocketModuleOptions, differences = {}): void {
  describeSocketClient(
    name,
    async () => {
      const pusher = await startSocketApp({ provider: 'ws', app, httpApi: { enabled: true } });
      const { port } = pusher;
      const backend = await startSocketApp({
        app,
        pusher: { host: '127.0.0.1', port, scheme: 'http', wsHost: '127.0.0.1', wsPort: port },
        ...options,
      });
      const browsers: PusherBrowser[] = [];
      return {
        client: backend.client,
        connect: async (memberId) => {
          const browser = await openBrowser(backend.url, memberId);
          browsers.push(browser);
          return browser;
        },
        stop: async () => {
          browsers.forEach((browser) => {
            browser.leave();
          });
          await backend.close();
          await pusher.close();
        },
      };
    },
    differences,
  );
}

// As on `pusher` alone: its HTTP API knows no event without data.
const onPusher = { absentPayloadArrivesAs: '' };

describeTwo('pusher, mirrored to ws,', { provider: ['pusher', 'ws'], second: { role: 'mirror' } }, onPusher);
describeTwo('ws, mirrored to pusher,', { provider: ['ws', 'pusher'], second: { role: 'mirror' } });
describeTwo('pusher, with ws to take over,', { provider: ['pusher', 'ws'] }, onPusher);
describeTwo('ws, with pusher to take over,', { provider: ['ws', 'pusher'] });
