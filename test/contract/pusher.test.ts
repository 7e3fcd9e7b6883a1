import { describeSocketClient } from 'nestjs-switchboard/testing';
import { ChannelEngine } from '../../src/channels/channel-engine.js';
import { openBrowser, type PusherBrowser } from '../support/pusher-browser.js';
import { startPusherHttpApi } from '../support/pusher-http-api.js';
import { startSocketApp } from '../support/socket-app.js';

const app = { id: 'app-1', key: 'key-1', secret: 'secret-1' };

// Three parties, as with hosted Pusher: the backend under test with the real SDK; a Pusher, played by a gateway of ours
// and the HTTP API in front of its engine; and browsers, whose backend tells them to connect to that Pusher.
describeSocketClient(
  'pusher',
  async () => {
    const pusher = await startSocketApp({ provider: 'ws', app });
    const api = await startPusherHttpApi(app, pusher.runtime.container.get(ChannelEngine));
    const backend = await startSocketApp({
      provider: 'pusher',
      app,
      pusher: { host: '127.0.0.1', port: api.port, scheme: 'http', wsHost: '127.0.0.1', wsPort: pusher.port },
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
        await api.close();
        await pusher.close();
      },
    };
  },
  // Hosted Pusher requires "data" on every event, and no text parses to `undefined`.
  { absentPayloadArrivesAs: '' },
);
