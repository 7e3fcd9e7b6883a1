import { describeSocketClient } from 'nestjs-switchboard/testing';
import { startSocketApp } from '../support/socket-app.js';
import { openSocketIo, type SocketIoBrowser, TRANSPORTS } from '../support/socket-io-browser.js';
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
