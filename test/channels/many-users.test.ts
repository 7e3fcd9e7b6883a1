import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { EngineSession } from '../support/engine-session.js';
import { turnsUntil } from '../support/turns.js';

const MANY = 5_000;
const ids = Array.from({ length: MANY }, (_, number) => `member-${number}`);
const channelOf = (id: string) => `#server-to-user-${id}`;

let session: EngineSession;
beforeEach(() => {
  session = new EngineSession();
});

const names = (client: { hears(): readonly { event: string }[] }) => client.hears().map(({ event }) => event);

describe('An event to many users of one node', () => {
  test('is delivered in slices, once to each of them', async () => {
    const [first, last] = [session.signsIn('member-0'), session.signsIn(`member-${MANY - 1}`)];
    const stranger = session.signsIn('stranger');
    const delivered = session.engine.publishToUsers(ids, 'NEWS', '{"n":1}');
    expect(await turnsUntil(Promise.resolve(delivered))).toBeGreaterThan(2);
    expect(await delivered).toEqual([]);
    const frame = (id: string) => ({ event: 'NEWS', channel: channelOf(id), data: { n: 1 } });
    expect(first.hears()).toEqual([frame('member-0')]);
    expect(last.hears()).toEqual([frame(`member-${MANY - 1}`)]);
    expect(stranger.hears()).toEqual([]);
  });

  test('comes before every later event to one of them, whatever sent that, and before the end of the connection', async () => {
    const last = session.signsIn(`member-${MANY - 1}`);
    void session.engine.publishToUsers(ids, 'FIRST', '1');
    void session.engine.publish(channelOf(`member-${MANY - 1}`), 'SECOND', '2');
    void session.engine.publishToUsers([`member-${MANY - 1}`, 'somebody'], 'THIRD', '3');
    session.engine.deliver(channelOf(`member-${MANY - 1}`), {
      event: 'FOURTH',
      data: '4',
      exceptSocketId: undefined,
    });
    void session.engine.publishToUsers(ids, 'FIFTH', '5');
    await session.engine.terminateEverywhere(channelOf(`member-${MANY - 1}`));
    expect(names(last)).toEqual(['FIRST', 'SECOND', 'THIRD', 'FOURTH', 'FIFTH', 'pusher:error']);
    expect(last.closes).toEqual([4009]);
  });

  test('delays nobody else once its users are known', async () => {
    const [member, stranger] = [session.signsIn(`member-${MANY - 1}`), session.signsIn('stranger')];
    const few = ids.slice(-1_000);
    for (const id of few.slice(0, 200)) session.signsIn(id);
    const delivered = session.engine.publishToUsers(few, 'NEWS', '1');
    void session.engine.publish(channelOf('stranger'), 'HELLO', '1');
    void session.engine.publish('news', 'TO_CHANNEL', '1');
    expect([names(stranger), names(member)]).toEqual([['HELLO'], []]);
    await delivered;
    expect(names(member)).toEqual(['NEWS']);
    void session.engine.publish(channelOf(`member-${MANY - 1}`), 'LATER', '1');
    expect(names(member)).toEqual(['LATER']);
  });

  test('is delivered at once where few of them are here, and misses nobody', () => {
    const [first, last] = [session.signsIn('member-0'), session.signsIn('member-999')];
    expect(session.engine.publishToUsers(ids.slice(0, 1_000), 'NEWS', '1')).toBeUndefined();
    expect([names(first), names(last)]).toEqual([['NEWS'], ['NEWS']]);
  });

  test('reaches them before the node closes', async () => {
    const last = session.signsIn(`member-${MANY - 1}`);
    void session.engine.publishToUsers(ids, 'NEWS', '1');
    await session.engine.close();
    expect(names(last)[0]).toBe('NEWS');
  });

  test('reaches them before a drain sends them away', async () => {
    const last = session.signsIn(`member-${MANY - 1}`);
    void session.engine.publishToUsers(ids, 'NEWS', '1');
    await session.engine.drain();
    expect(names(last)[0]).toBe('NEWS');
  });
});

test('while other nodes are behind, the rest waits, and with it everything later to its users, and nothing else', async () => {
  const published: string[] = [];
  const signals: (() => void)[] = [];
  let isFull = false;
  const behind = new EngineSession({}, false, (cluster) =>
    Object.assign(cluster, {
      usersAtOnce: 1_000,
      room: () => (isFull ? new Promise<void>((resolve) => signals.push(resolve)) : undefined),
      publishToUsers: (channels: readonly string[], { event }: { event: string }) => {
        published.push(`${event} to ${channels.length} from ${channels[0]}`);
        isFull = true;
        return undefined;
      },
      publish: (channel: string, { event }: { event: string }) =>
        void published.push(`${event} to ${channel}`),
    }),
  );
  const sent = behind.engine.publishToUsers(ids.slice(0, 2_000), 'NEWS', '1');
  while (signals.length === 0) await turn();
  void behind.engine.publish(channelOf('member-1500'), 'LATER', '2');
  void behind.engine.publish(channelOf('member-3'), 'AT_ONCE', '3');
  void behind.engine.publish(channelOf('stranger'), 'AT_ONCE', '4');
  for (const signal of signals) signal();
  await sent;
  await behind.engine.close();
  expect(published).toEqual([
    `NEWS to 1000 from ${channelOf('member-0')}`,
    `AT_ONCE to ${channelOf('member-3')}`,
    `AT_ONCE to ${channelOf('stranger')}`,
    `NEWS to 1000 from ${channelOf('member-1000')}`,
    `LATER to ${channelOf('member-1500')}`,
  ]);
});

test('whoever sends what to whom, and whenever: everybody hears everything once, in the order of the calls', async () => {
  const members = ids.slice(0, 1_500);
  const watched = ['member-0', 'member-99', 'member-700', 'member-1499'];
  const call = fc.oneof(
    fc.record({ kind: fc.constant('many' as const), from: fc.constantFrom(0, 400, 1_400) }),
    fc.record({ kind: fc.constant('one' as const), to: fc.constantFrom(...watched) }),
    fc.record({ kind: fc.constant('turn' as const) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(call, { maxLength: 25 }), async (calls) => {
      const node = new EngineSession();
      const clients = new Map(watched.map((id) => [id, node.signsIn(id)]));
      const expected = new Map(watched.map((id): [string, string[]] => [id, []]));
      const sent: unknown[] = [];
      for (const [number, made] of calls.entries()) {
        if (made.kind === 'turn') {
          await turn();
          continue;
        }
        const to = made.kind === 'many' ? members.slice(made.from) : [made.to];
        for (const id of watched) if (to.includes(id)) expected.get(id)?.push(`E${number}`);
        if (made.kind === 'many') sent.push(node.engine.publishToUsers(to, `E${number}`, '1'));
        else sent.push(node.engine.publish(channelOf(made.to), `E${number}`, '1'));
      }
      await Promise.all(sent);
      for (const [id, client] of clients) expect([id, names(client)]).toEqual([id, expected.get(id)]);
      await node.engine.close();
    }),
    { numRuns: 40 },
  );
});
