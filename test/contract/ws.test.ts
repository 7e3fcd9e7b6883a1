import { describeSocketClient } from 'nestjs-switchboard/testing';
import { openBrowser, type PusherBrowser } from '../support/pusher-browser.js';
import { startSocketApp } from '../support/socket-app.js';
import { PresenceChannel } from './presence.channel.js';

describeSocketClient('ws', async () => {
  const host = await startSocketApp({ provider: 'ws', providers: [PresenceChannel] });
  const browsers: PusherBrowser[] = [];
  return {
    client: host.client,
    connect: async (memberId) => {
      const browser = await openBrowser(host.url, memberId);
      browsers.push(browser);
      return browser;
    },
    stop: async () => {
      browsers.forEach((browser) => {
        browser.leave();
      });
      await host.close();
    },
  };
});
