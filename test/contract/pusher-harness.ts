import type { SocketModuleOptions } from 'nestjs-switchboard';
import type { ContractHarness } from 'nestjs-switchboard/testing';
import { openBrowser, type PusherBrowser } from '../support/pusher-browser.js';
import { startSocketApp } from '../support/socket-app.js';
import { PresenceChannel } from './presence.channel.js';

const app = { id: 'app-1', key: 'key-1', secret: 'secret-1' };

/**
 * Three parties, as with hosted Pusher: the backend under test with the real SDK; a Pusher, played by a gateway of ours with
 * its HTTP API; and browsers, which connect where their backend tells them to.
 */
export async function startBesidePusher(options: SocketModuleOptions): Promise<ContractHarness> {
  const pusher = await startSocketApp({ provider: 'ws', app, httpApi: { enabled: true } });
  const { port } = pusher;
  const backend = await startSocketApp({
    app,
    pusher: {
      ...{ host: '127.0.0.1', port, scheme: 'http', wsHost: '127.0.0.1', wsPort: port },
      envelope: options.history !== undefined,
    },
    providers: [PresenceChannel],
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
}
