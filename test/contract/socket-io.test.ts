import { describeSocketClient } from 'nestjs-switchboard/testing';
import { startSocketApp } from '../support/socket-app.js';
import { openSocketIo, type SocketIoBrowser, TRANSPORTS } from '../support/socket-io-browser.js';
import { type HelperBrowser, openHelper } from '../support/socket-io-helper.js';
import { HISTORY } from './history.js';
import { PresenceChannel } from './presence.channel.js';

for (const [name, transports] of Object.entries(TRANSPORTS)) {
  describeSocketClient(`socket-io on ${name}`, async () => {
    const host = await startSocketApp({
      provider: 'socket-io',
      providers: [PresenceChannel],
      socketIo: { handshakeHeaders: ['x-member'] },
    });
    const browsers: SocketIoBrowser[] = [];
    return {
      client: host.client,
      connect: async (memberId) => {
        const browser = await openSocketIo(host.url, memberId, { transports: [...transports] });
        browsers.push(browser);
        return browser;
      },
      stop: async () => {
        await Promise.all(browsers.map((browser) => browser.leave()));
        await host.close();
      },
    };
  });
}

describeSocketClient(
  'socket-io with history, and the browser helper,',
  async () => {
    const host = await startSocketApp({
      provider: 'socket-io',
      providers: [PresenceChannel],
      socketIo: { handshakeHeaders: ['x-member'] },
      history: HISTORY,
    });
    const browsers: HelperBrowser[] = [];
    return {
      client: host.client,
      connect: async (memberId) => {
        const browser = await openHelper(host.url, memberId);
        browsers.push(browser);
        return browser;
      },
      stop: async () => {
        await Promise.all(browsers.map((browser) => browser.leave()));
        await host.close();
      },
    };
  },
  { hasHistory: true },
);
