import { describeSocketClient } from 'nestjs-switchboard/testing';
import { openBrowser, type PusherBrowser } from '../support/pusher-browser.js';
import { startSocketApp } from '../support/socket-app.js';

const app = { id: 'app-1', key: 'key-1', secret: 'secret-1' };

// Three parties, as with hosted Pusher: the backend under test with the real SDK; a Pusher, played by a gateway of ours
// with its HTTP API; and browsers, whose backend tells them to connect to that Pusher.
describeSocketClient(
  'pusher',
  async () => {
    const pusher = await startSocketApp({ provider: 'ws', app, httpApi: { enabled: true } });
    const { port } = pusher;
    const backend = await startSocketApp({
      provider: 'pusher',
      app,
      pusher: { host: '127.0.0.1', port, scheme: 'http', wsHost: '127.0.0.1', wsPort: port },
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
  // Hosted Pusher requires "data" on every event, and no text parses to `undefined`.
  { absentPayloadArrivesAs: '' },
);
