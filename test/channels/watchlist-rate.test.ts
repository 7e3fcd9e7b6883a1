import { type EngineClient, EngineSession } from '../support/engine-session.js';

// One member who has others watched again and again: SOCKET_MAX_SIGNINS_PER_SECOND, SOCKET_MAX_WATCHLISTS_PER_SECOND.

const TOLD = 'pusher_internal:watchlist_events';

/** The ids that a client was told to be offline, in the order of its signins. */
function told(client: EngineClient): string[] {
  return client.hears().flatMap(({ event, data }) => {
    if (event !== TOLD) return [];
    const { events } = data as { events: readonly { user_ids: readonly string[] }[] };
    return events.flatMap(({ user_ids: ids }) => ids);
  });
}

const strict = (limits: object) => new EngineSession({ limits: { signinsPerSecond: 0, ...limits } });

describe('Signins of one connection', () => {
  test('are no more than SOCKET_MAX_SIGNINS_PER_SECOND in a second: the others get 4301', () => {
    const session = strict({ signinsPerSecond: 2 });
    const client = session.connects();
    const signIn = () => {
      client.signsIn({ id: 'ada', watchlist: ['bob'] });
      return client.hears().map(({ event, data }) => (event === 'pusher:error' ? data : event));
    };
    const success = ['pusher:signin_success', TOLD];
    expect([signIn(), signIn()]).toEqual([success, success]);
    expect(signIn()).toEqual([{ code: 4301, message: 'Signin refused: more than 2 in a second' }]);
    session.clock.advance(1_000);
    expect(signIn()).toEqual(success);
  });

  test('are any number where the limit is switched off', () => {
    const session = strict({});
    const client = session.connects();
    for (let n = 0; n < 50; n++) client.signsIn({ id: 'ada' });
    expect(client.hears().every(({ event }) => event === 'pusher:signin_success')).toBe(true);
  });
});

describe('New watchlists of one member', () => {
  test('are no more than SOCKET_MAX_WATCHLISTS_PER_SECOND in a second: the others wait, and none is lost', () => {
    const session = strict({ watchlistsPerSecond: 2 });
    const clients = Array.from({ length: 5 }, () => session.connects());
    for (const [n, client] of clients.entries()) client.signsIn({ id: 'ada', watchlist: [`friend-${n}`] });
    const heard = () => clients.map(told);
    expect(heard()).toEqual([['friend-0'], ['friend-1'], [], [], []]);
    session.clock.advance(1_000);
    expect(heard()).toEqual([[], [], ['friend-2'], ['friend-3'], []]);
    session.clock.advance(1_000);
    expect(heard()).toEqual([[], [], [], [], ['friend-4']]);
  });

  test('of a connection that changes its list are counted together, and its later messages wait with them', () => {
    const session = strict({ watchlistsPerSecond: 2 });
    const client = session.connects();
    for (let n = 0; n < 3; n++) client.signsIn({ id: 'ada', watchlist: [`friend-${n}`] });
    client.says('pusher:ping');
    expect(told(client)).toEqual(['friend-0', 'friend-1']);
    session.clock.advance(1_000);
    expect(client.hears().map(({ event }) => event)).toEqual([TOLD, 'pusher:pong']);
  });

  test('slow nobody else down, nor a list whose users are watched already', () => {
    const session = strict({ watchlistsPerSecond: 1 });
    const lists = [['bob'], ['cy'], ['bob'], ['bob']];
    const clients = lists.map((watchlist) => {
      const client = session.connects();
      client.signsIn({ id: 'ada', watchlist });
      return client;
    });
    const other = session.connects();
    other.signsIn({ id: 'eve', watchlist: ['dee'] });
    expect([...clients, other].map(told)).toEqual([['bob'], [], ['bob'], ['bob'], ['dee']]);
  });

  test('that wait do not use up the next second where others have their users watched by then', () => {
    const session = strict({ watchlistsPerSecond: 1 });
    const clients = ['bob', 'cy', 'cy', 'cy'].map((friend) => {
      const client = session.connects();
      client.signsIn({ id: 'ada', watchlist: [friend] });
      return client;
    });
    expect(clients.map(told)).toEqual([['bob'], [], [], []]);
    session.clock.advance(1_000);
    expect(clients.map(told)).toEqual([[], ['cy'], ['cy'], ['cy']]);
  });

  test('of a connection that is gone by then are forgotten', () => {
    const session = strict({ watchlistsPerSecond: 1 });
    const clients = ['bob', 'cy'].map((friend) => {
      const client = session.connects();
      client.signsIn({ id: 'ada', watchlist: [friend] });
      return client;
    });
    clients[1]?.isLost();
    session.clock.advance(5_000);
    session.signsIn('cy');
    expect(clients.map(told)).toEqual([['bob'], []]);
  });

  test('are any number where the limit is switched off', () => {
    const session = strict({ watchlistsPerSecond: 0 });
    const client = session.connects();
    const friends = Array.from({ length: 50 }, (_, n) => `friend-${n}`);
    for (const friend of friends) client.signsIn({ id: 'ada', watchlist: [friend] });
    expect(told(client)).toEqual(friends);
  });
});

test('A user on the old list and on the new one is watched all the time, and one who left the list no more', () => {
  const session = strict({});
  const client = session.connects();
  client.signsIn({ id: 'ada', watchlist: ['bob', 'cy'] });
  client.signsIn({ id: 'ada', watchlist: ['cy', 'dee'] });
  client.hears();
  for (const friend of ['bob', 'cy', 'dee']) session.signsIn(friend);
  expect(told(client)).toEqual(['cy', 'dee']);
});
