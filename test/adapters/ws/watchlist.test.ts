import { Host } from '../../support/host.js';
import { plainPusher } from '../../support/plain-pusher.js';
import type { Pusher } from '../../support/pusher-browser.js';
import { Heard, hearing, statesOf } from '../../support/pusher-events.js';
import type { RawClient } from '../../support/raw-client.js';
import { userAuth } from '../../support/signing.js';
import { titled } from '../../support/titled.js';

interface News {
  readonly name: string;
  readonly user_ids: readonly string[];
}

/** A member who watches others, with what `pusher-js` tells of them. Nobody has waited for anything yet. */
function watcher(host: Host, id: string, watchlist: unknown) {
  const pusher = plainPusher(host, { userData: { id, watchlist } });
  const news = new Heard<News>();
  for (const name of ['online', 'offline']) {
    pusher.user.watchlist.bind(name, (event: News) => {
      news.push(event);
    });
  }
  return { pusher, news, errors: hearing(pusher.connection, 'error') };
}

/** A member who is signed in once this resolves. */
async function signedIn(host: Host, id: string): Promise<Pusher> {
  const pusher = plainPusher(host, { userData: { id } });
  await new Promise<void>((resolve) => {
    pusher.connection.bind('message', ({ event }: { event: string }) => {
      if (event === 'pusher:signin_success') resolve();
    });
  });
  return pusher;
}

/** A client by hand, where the order of frames matters. */
async function rawSignin(host: Host, userData: unknown): Promise<RawClient> {
  const client = host.raw();
  client.say('pusher:signin', userAuth(host.app, await client.greeted(), userData));
  expect(await client.next()).toMatchObject({ event: 'pusher:signin_success' });
  return client;
}

const online = (...user_ids: string[]): News => ({ name: 'online', user_ids });
const offline = (...user_ids: string[]): News => ({ name: 'offline', user_ids });

describe('A watchlist with pusher-js (3.8)', () => {
  test('is told at the signin who is online and who is not', async () => {
    const host = await Host.start();
    await signedIn(host, 'bob');
    await signedIn(host, 'cy');
    const { news } = watcher(host, 'ann', ['bob', 'dee', 'cy', 'eve']);
    expect([await news.next(), await news.next()]).toEqual([online('bob', 'cy'), offline('dee', 'eve')]);
  });

  test.each([
    ['online only', ['bob'], online('bob')],
    ['offline only', ['dee'], offline('dee')],
  ])('is told nothing empty where its members are %s', async (_, watchlist, told) => {
    const host = await Host.start();
    await signedIn(host, 'bob');
    const { news } = watcher(host, 'ann', watchlist);
    expect(await news.next()).toEqual(told);
    expect(news.untaken).toEqual([]);
  });

  test('is told when a member comes online and goes offline, and comes back', async () => {
    const host = await Host.start();
    const { news } = watcher(host, 'ann', ['bob']);
    expect(await news.next()).toEqual(offline('bob'));
    const bob = await signedIn(host, 'bob');
    expect(await news.next()).toEqual(online('bob'));
    bob.disconnect();
    expect(await news.next()).toEqual(offline('bob'));
    await signedIn(host, 'bob');
    expect(await news.next()).toEqual(online('bob'));
  });

  test('counts a member with several connections once, until the last is gone', async () => {
    const host = await Host.start();
    const { news } = watcher(host, 'ann', ['bob', 'cy']);
    expect(await news.next()).toEqual(offline('bob', 'cy'));
    const tabs = [await signedIn(host, 'bob'), await signedIn(host, 'bob'), await signedIn(host, 'bob')];
    expect(await news.next()).toEqual(online('bob'));
    tabs[0]?.disconnect();
    tabs[1]?.disconnect();
    // The next arrival is told after everything that the tabs made the gateway say.
    await signedIn(host, 'cy');
    expect(await news.next()).toEqual(online('cy'));
    tabs[2]?.disconnect();
    expect(await news.next()).toEqual(offline('bob'));
  });

  test('tells every connection of the watcher', async () => {
    const host = await Host.start();
    const tabs = [watcher(host, 'ann', ['bob']), watcher(host, 'ann', ['bob'])];
    for (const { news } of tabs) expect(await news.next()).toEqual(offline('bob'));
    await signedIn(host, 'bob');
    for (const { news } of tabs) expect(await news.next()).toEqual(online('bob'));
  });

  test('hears at once of a member whose connection broke without a word, and of one who was terminated', async () => {
    const host = await Host.start({ gateway: { presenceGraceMs: 600_000 } });
    const bob = await rawSignin(host, { id: 'bob' });
    await signedIn(host, 'cy');
    const { news } = watcher(host, 'ann', ['bob', 'cy']);
    expect(await news.next()).toEqual(online('bob', 'cy'));
    bob.socket.terminate();
    expect(await news.next()).toEqual(offline('bob'));
    await host.runtime.client.disconnectMember('cy');
    expect(await news.next()).toEqual(offline('cy'));
  });

  test('hears nothing of a member who is connected and present, and not signed in', async () => {
    const host = await Host.start();
    const { news } = watcher(host, 'ann', ['bob', 'cy']);
    expect(await news.next()).toEqual(offline('bob', 'cy'));
    const bob = plainPusher(host, { channelData: { user_id: 'bob' } });
    const room = bob.subscribe('presence-room');
    await hearing(room, 'pusher:subscription_succeeded').next();
    await signedIn(host, 'cy');
    expect(await news.next()).toEqual(online('cy'));
  });

  test('is told anew after a reconnect, of what has changed meanwhile', async () => {
    const host = await Host.start();
    const bob = statesOf(await signedIn(host, 'bob'));
    const { pusher, news } = watcher(host, 'ann', ['bob']);
    expect(await news.next()).toEqual(online('bob'));
    pusher.disconnect();
    await host.runtime.client.disconnectMember('bob');
    expect(await bob.next()).toBe('disconnected');
    pusher.connect();
    expect(await news.next()).toEqual(offline('bob'));
  });

  test('is private: two watchers hear of their own only', async () => {
    const host = await Host.start();
    const [ann, eve] = [watcher(host, 'ann', ['bob']), watcher(host, 'eve', ['cy'])];
    expect(await ann.news.next()).toEqual(offline('bob'));
    expect(await eve.news.next()).toEqual(offline('cy'));
    await signedIn(host, 'bob');
    await signedIn(host, 'cy');
    expect(await ann.news.next()).toEqual(online('bob'));
    expect(await eve.news.next()).toEqual(online('cy'));
    expect([...ann.news.untaken, ...eve.news.untaken]).toEqual([]);
  });
});

describe('A watchlist of more than 100 (3.8, 3.12)', () => {
  const ids = Array.from({ length: 103 }, (_, index) => `user-${index}`);

  test('is cut to its first 100: the signin succeeds, pusher:error 4302 says so, and pusher-js stays connected', async () => {
    const host = await Host.start();
    const { pusher, news, errors } = watcher(host, 'ann', ids);
    expect(await news.next()).toEqual(offline(...ids.slice(0, 100)));
    expect(await errors.next()).toMatchObject({ data: { data: { code: 4302 } } });
    expect(pusher.user.user_data).toMatchObject({ id: 'ann' });
    // The 101st is nobody's business, the 100th is.
    await signedIn(host, 'user-100');
    await signedIn(host, 'user-99');
    expect(await news.next()).toEqual(online('user-99'));
    expect(pusher.connection.state).toBe('connected');
  });

  test('of exactly 100 is fine', async () => {
    const host = await Host.start();
    const client = await rawSignin(host, { id: 'ann', watchlist: ids.slice(0, 100) });
    const { event, data } = await client.next();
    expect(event).toBe('pusher_internal:watchlist_events');
    expect(JSON.parse(data as string)).toEqual({ events: [offline(...ids.slice(0, 100))] });
    await client.isAnswered();
  });
});

describe('A watchlist that the application’s identify names (3.8)', () => {
  const hostOf = (watchlist: readonly string[]) =>
    Host.start({
      identify: ({ headers }) => ({
        id: String(headers['x-member']),
        ...(headers['x-member'] === 'ann' && { watchlist }),
      }),
    });

  test('is signed by /socket/user-auth and told to the member’s browser', async () => {
    const host = await hostOf(['bob']);
    const ann = await host.browser('ann');
    const news = new Heard<News>();
    ann.pusher.user.watchlist.bind('online', (event: News) => {
      news.push(event);
    });
    await host.browser('bob');
    expect(await news.next()).toEqual(online('bob'));
  });

  test('keeps the browser helper from nothing when it is too long', async () => {
    const host = await hostOf(Array.from({ length: 101 }, (_, index) => `user-${index}`));
    const ann = await host.browser('ann');
    expect(ann.pusher.user.user_data).toMatchObject({ id: 'ann' });
    expect(ann.pusher.connection.state).toBe('connected');
  });
});

describe('A watchlist on the wire (3.2, 3.4)', () => {
  test('is told after pusher:signin_success and before the error, without a channel and as a JSON string', async () => {
    const host = await Host.start();
    const client = await rawSignin(host, {
      id: 'ann',
      watchlist: Array.from({ length: 101 }, (_, index) => String(index)),
    });
    const told = await client.next();
    expect(Object.keys(told).sort()).toEqual(['data', 'event']);
    expect(told.event).toBe('pusher_internal:watchlist_events');
    expect(typeof told.data).toBe('string');
    expect(await client.next()).toMatchObject({ event: 'pusher:error', data: { code: 4302 } });
    await client.isAnswered();
  });

  test('hands the user_data back whole, the watchlist in it (3.8)', async () => {
    const host = await Host.start();
    const client = host.raw();
    const text = '{ "watchlist": ["bob"], "id": "ann" , "user_info": {"name":"Ann"} }';
    client.say('pusher:signin', userAuth(host.app, await client.greeted(), text));
    expect(await client.next()).toEqual({
      event: 'pusher:signin_success',
      data: JSON.stringify({ user_data: text }),
    });
  });

  const lists: unknown[] = [undefined, null, [], {}, 'bob', 7, true, [7, null, {}, ['bob'], false, '']];

  test.each(titled(lists))(
    'that has nobody in it, %s, is told nothing, and the signin succeeds',
    async (_, watchlist) => {
      const host = await Host.start();
      const client = await rawSignin(host, { id: 'ann', watchlist });
      await signedIn(host, 'bob');
      await client.isAnswered();
    },
  );

  test.each(['__proto__', 'constructor', 'ü', ' ', '#'])('may have the id %j in it', async (id) => {
    const host = await Host.start();
    const client = await rawSignin(host, `{"id":"ann","watchlist":[${JSON.stringify(id)}]}`);
    const { data } = await client.next();
    expect(JSON.parse(data as string)).toEqual({ events: [offline(id)] });
    await client.isAnswered();
  });

  test('names a member once who is listed twice', async () => {
    const host = await Host.start();
    const client = await rawSignin(host, { id: 'ann', watchlist: ['bob', 'bob'] });
    expect(JSON.parse((await client.next()).data as string)).toEqual({ events: [offline('bob')] });
    await signedIn(host, 'bob');
    expect(JSON.parse((await client.next()).data as string)).toEqual({ events: [online('bob')] });
    await client.isAnswered();
  });

  test('is replaced by the one of a later signin of the same connection', async () => {
    const host = await Host.start();
    const client = host.raw();
    const socketId = await client.greeted();
    client.say('pusher:signin', userAuth(host.app, socketId, { id: 'ann', watchlist: ['bob'] }));
    client.say('pusher:signin', userAuth(host.app, socketId, { id: 'ann', watchlist: ['cy'] }));
    const told = [await client.next(), await client.next(), await client.next(), await client.next()];
    expect(told.map(({ event }) => event.replace(/^.*:/, ''))).toEqual([
      'signin_success',
      'watchlist_events',
      'signin_success',
      'watchlist_events',
    ]);
    await signedIn(host, 'bob');
    await signedIn(host, 'cy');
    expect(JSON.parse((await client.next()).data as string)).toEqual({ events: [online('cy')] });
  });
});
