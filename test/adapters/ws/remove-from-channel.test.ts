import { AuthorizeChannel, type ChannelAuthorizer, type Identity } from 'nestjs-switchboard';
import { openBrowser, type PusherBrowser, subscribed } from '../../support/pusher-browser.js';
import { startSocketApp } from '../../support/socket-app.js';
import { onTeardown } from '../../support/teardown.js';

const ROOM = 'presence-room';
const refused = new Set<string>();

@AuthorizeChannel(ROOM)
class RoomChannel implements ChannelAuthorizer {
  authorize({ id }: Identity): boolean {
    return !refused.has(id);
  }
}

async function start() {
  refused.clear();
  const host = await startSocketApp({ provider: 'ws', providers: [RoomChannel] });
  onTeardown(() => host.close());
  const open = async (id: string) => {
    const browser = await openBrowser(host.url, id);
    onTeardown(() => {
      browser.leave();
    });
    await browser.subscribe(ROOM);
    return browser;
  };
  return { host, ada: await open('ada'), bob: await open('bob') };
}

/** Resolves with the next event of the protocol on the room. */
function told({ socket }: PusherBrowser, event: string): Promise<unknown> {
  return new Promise((resolve) => {
    socket.channel(ROOM).bind(event, resolve);
  });
}

describe('removeFromChannel', () => {
  test('tells the page that it was removed, and the others at once that the member is gone', async () => {
    const { host, ada, bob } = await start();
    const [error, removed] = [told(ada, 'pusher:subscription_error'), told(bob, 'pusher:member_removed')];
    await host.client.removeFromChannel(ROOM, 'ada');
    expect(await error).toMatchObject({ status: 403, error: 'Removed from the channel by the application' });
    expect(await removed).toMatchObject({ id: 'ada' });
  });

  test('a page that may come back needs another connection for it, and gets one by itself', async () => {
    const { host, ada } = await start();
    const { pusher } = ada.socket;
    const before = pusher.connection.socket_id;
    const error = told(ada, 'pusher:subscription_error');
    await host.client.removeFromChannel(ROOM, 'ada');
    await error;
    pusher.unsubscribe(ROOM);
    await subscribed(pusher.subscribe(ROOM));
    expect(pusher.connection.socket_id).not.toBe(before);
  });

  test('a member whom the authorizer refuses does not get back', async () => {
    const { host, ada, bob } = await start();
    const { pusher } = ada.socket;
    const error = told(ada, 'pusher:subscription_error');
    refused.add('ada');
    await host.client.removeFromChannel(ROOM, 'ada');
    await error;
    pusher.unsubscribe(ROOM);
    await expect(subscribed(pusher.subscribe(ROOM))).rejects.toThrow('403');
    await host.client.relayToChannel(ROOM, 'INSIDE');
    await host.client.relayToMembers(['ada', 'bob'], 'AFTER');
    expect((await bob.next()).event).toBe('INSIDE');
    expect((await ada.next()).event).toBe('AFTER');
  });
});
