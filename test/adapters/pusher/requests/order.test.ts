import { SocketUnavailableError } from '../../../../src/ports/errors.js';
import { idleMsUntil } from '../../../support/idle.js';
import { failureOf, gate, HttpApi, members, startClient } from '../support.js';

const MODES = [
  { mode: 'with batches', batching: true },
  { mode: 'call by call', batching: false },
];

/** A server that answers the event FIRST only once the gate is open. */
async function holdingFirst() {
  const first = gate();
  const api = await HttpApi.start(async ({ events }) => {
    if (events.some(({ name }) => name === 'FIRST')) await first.opened;
    return undefined;
  });
  const names = () => api.events.map(({ name }) => name);
  /** Resolves when so many requests have arrived. */
  const requests = (count: number) => api.until(({ received }) => received.length >= count);
  return { api, names, requests, open: first.open };
}

describe.each(MODES)('the order of the requests of the pusher adapter, $mode', ({ batching }) => {
  test('holds the second relay to a member until the first is answered, and nobody else', async () => {
    const { api, names, requests, open } = await holdingFirst();
    const { client } = await startClient(api.port, { batching });

    const first = client.relayToMember('7', 'FIRST');
    await requests(1);
    const second = client.relayToMember('7', 'SECOND');
    await Promise.all([
      client.relayToMember('8', 'OTHER_MEMBER'),
      client.relayToChannel('room', 'OTHER_CHANNEL'),
    ]);

    expect(names().sort()).toEqual(['FIRST', 'OTHER_CHANNEL', 'OTHER_MEMBER']);
    open();
    await Promise.all([first, second]);
    expect(names()).toHaveLength(4);
    expect(names()[3]).toBe('SECOND');
  });

  test('holds relays to one channel in order, the broadcast channel included', async () => {
    const { api, names, requests, open } = await holdingFirst();
    const { client } = await startClient(api.port, { batching });

    const calls = [client.broadcast('FIRST')];
    await requests(1);
    calls.push(client.relayToChannel('everybody', 'SECOND'), client.broadcast('THIRD'));
    await client.relayToMember('7', 'SOMEBODY_ELSE');
    expect(names()).toEqual(['FIRST', 'SOMEBODY_ELSE']);
    open();
    await Promise.all(calls);

    expect(names().filter((name) => name !== 'SOMEBODY_ELSE')).toEqual(['FIRST', 'SECOND', 'THIRD']);
  });

  test('keeps what is called within one turn in order', async () => {
    const api = await HttpApi.start();
    const { client } = await startClient(api.port, { batching });
    const numbers = Array.from({ length: 35 }, (_, index) => String(index));

    await Promise.all(numbers.map((number) => client.relayToMember('7', number)));

    expect(api.events.map(({ name }) => name)).toEqual(numbers);
  });

  test('ends a member’s connections after the relays called before, and before those called after', async () => {
    const { api, open } = await holdingFirst();
    const { client } = await startClient(api.port, { batching });

    const calls = [
      client.relayToMember('7', 'FIRST'),
      client.disconnectMember('7'),
      client.relayToMember('7', 'WELCOME_BACK'),
    ];
    await client.disconnectMember('8');
    expect(api.received.map(({ path }) => path)).not.toContain('/apps/42/users/7/terminate_connections');
    open();
    await Promise.all(calls);

    const about7 = api.received.filter(({ path }) => !path.includes('/users/8/'));
    expect(about7.map(({ path, body }) => body['name'] ?? path)).toEqual([
      'FIRST',
      '/apps/42/users/7/terminate_connections',
      'WELCOME_BACK',
    ]);
  });

  test('does not let a relay overtake one to many members', async () => {
    const { api, names, requests, open } = await holdingFirst();
    const { client } = await startClient(api.port, { batching });

    const calls = [client.relayToMembers(members(801), 'FIRST'), client.relayToMember('m801', 'SECOND')];
    await requests(9);
    await client.relayToMember('stranger', 'OTHER');
    expect(names()).not.toContain('SECOND');
    open();
    await Promise.all(calls);

    const toTheLast = api.events.filter(({ channel }) => channel === '#server-to-user-m801');
    expect(toTheLast.map(({ name }) => name)).toEqual(['FIRST', 'SECOND']);
  });

  test('makes of a relay to many members only that part wait which has something in front of it', async () => {
    const { api, requests, open } = await holdingFirst();
    const { client } = await startClient(api.port, { batching });

    const first = client.relayToMember('8', 'FIRST');
    await requests(1);
    const second = client.relayToMembers(['7', '8', '9'], 'SECOND');
    await requests(2);
    open();
    await Promise.all([first, second]);

    expect(api.received.map(({ channels }) => channels)).toEqual([
      ['#server-to-user-8'],
      ['#server-to-user-7', '#server-to-user-9'],
      ['#server-to-user-8'],
    ]);
  });

  test('goes on after a failure', async () => {
    const api = await HttpApi.start(({ body }) => (body['name'] === 'FIRST' ? { status: 500 } : undefined));
    const { client } = await startClient(api.port, { batching });

    const failed = failureOf(client.relayToMember('7', 'FIRST'));
    await api.until(({ received }) => received.length === 1);
    const passed = client.relayToMember('7', 'SECOND');

    await failed;
    await passed;
    expect(api.bodies.map(({ name }) => name)).toEqual(['FIRST', 'SECOND']);
  });
});

describe.each(MODES)('a request that waits too long for its turn, $mode', ({ batching }) => {
  const timeoutMs = 200;
  /** Twice the timeout, and less than a third one. */
  const SETTLED_MS = 2.5 * timeoutMs;

  test('fails within two timeouts, however long the queue is, and is not sent later', async () => {
    const api = await HttpApi.start(() => 'nothing');
    const { client } = await startClient(api.port, { timeoutMs, batching });
    const failing = Promise.all(
      Array.from({ length: 40 }, (_, index) => failureOf(client.broadcast(`E${index}`))),
    );
    expect(await idleMsUntil(failing)).toBeLessThan(SETTLED_MS);

    const errors = await failing;
    for (const error of errors) expect(error).toBeInstanceOf(SocketUnavailableError);
    expect(errors.at(-1)).toMatchObject({ lost: ['everybody'] });
    expect(errors.at(-1)?.message).toBe(
      'Could not deliver "E39" through "pusher" to channel "everybody": ' +
        'its turn behind earlier calls did not come within 200 ms',
    );
    const sent = api.received.length;
    expect(sent).toBeLessThanOrEqual(2);
    await client.relayToChannel('room', 'LATER').catch(() => undefined);
    expect(api.received).toHaveLength(sent + 1);
  });

  test('is given up without harm to the requests after it', async () => {
    let answers = false;
    const api = await HttpApi.start(() => (answers ? undefined : 'nothing'));
    const { client } = await startClient(api.port, { timeoutMs, batching });
    const lost = [failureOf(client.broadcast('FIRST'))];
    await api.until(({ received }) => received.length === 1);
    lost.push(failureOf(client.broadcast('SECOND')), failureOf(client.broadcast('THIRD')));

    await Promise.all(lost);
    answers = true;
    await Promise.all([client.broadcast('FOURTH'), client.broadcast('FIFTH')]);

    const names = api.events.map(({ name }) => name);
    expect(names[0]).toBe('FIRST');
    expect(names.slice(-2)).toEqual(['FOURTH', 'FIFTH']);
  });

  test('settles within two timeouts where there are more requests than connections', async () => {
    const api = await HttpApi.start(() => 'nothing');
    const { client } = await startClient(api.port, { timeoutMs, batching });
    const failing = failureOf(client.relayToMembers(members(10_100), 'E'));
    expect(await idleMsUntil(failing)).toBeLessThan(SETTLED_MS);

    const error = await failing;
    expect(error).toBeInstanceOf(SocketUnavailableError);
    expect(error.lost).toEqual(members(10_100));
    expect(api.received.length).toBeLessThanOrEqual(100);
  });

  test('counts for members who get a request of their own because the server refuses groups', async () => {
    const api = await HttpApi.start(({ channels }) => (channels.length > 1 ? { status: 400 } : 'nothing'));
    const { client } = await startClient(api.port, { timeoutMs, batching });
    const failing = failureOf(client.relayToMembers(members(100), 'E'));
    expect(await idleMsUntil(failing)).toBeLessThan(SETTLED_MS);

    const error = await failing;
    expect(error).toBeInstanceOf(SocketUnavailableError);
    expect(error.lost).toEqual(members(100));
  });
});
