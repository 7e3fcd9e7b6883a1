import type { SocketModuleOptions } from 'nestjs-switchboard';
import { describeSocketClient } from 'nestjs-switchboard/testing';
import { openBrowser, type PusherBrowser } from '../support/pusher-browser.js';
import { startSocketApp } from '../support/socket-app.js';
import { HISTORY } from './history.js';
import { PresenceChannel } from './presence.channel.js';

function describeWs(name: string, options: SocketModuleOptions, hasHistory: boolean): void {
  const start = async () => {
    const host = await startSocketApp({ provider: 'ws', providers: [PresenceChannel], ...options });
    const browsers: PusherBrowser[] = [];
    return {
      client: host.client,
      connect: async (memberId: string) => {
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
  };
  describeSocketClient(name, start, { hasHistory });
}

describeWs('ws', {}, false);
describeWs('ws with history', { history: HISTORY }, true);
