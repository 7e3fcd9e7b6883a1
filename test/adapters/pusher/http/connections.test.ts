import type { ServerResponse } from 'node:http';
import { createServer } from 'node:net';
import { SocketUnavailableError } from '../../../../src/ports/errors.js';
import { failureOf, gate, HttpApi, listen, members, onTeardown, startClient } from '../support.js';

describe('the connections of the pusher adapter', () => {
  test('stay open from one relay to the next', async () => {
    const api = await HttpApi.start();
    const { client } = await startClient(api.port);

    await client.relayToMember('7', 'FIRST');
    await client.relayToMember('7', 'SECOND');
    await client.disconnectMember('7');

    expect(api.received).toHaveLength(3);
    expect(new Set(api.received.map(({ connection }) => connection)).size).toBe(1);
  });

  test('stay open after a refusal', async () => {
    const api = await HttpApi.start(() => ({ status: 400, body: 'no' }));
    const { client } = await startClient(api.port);

    await failureOf(client.relayToMember('7', 'FIRST'));
    await failureOf(client.relayToMember('7', 'SECOND'));

    expect(new Set(api.received.map(({ connection }) => connection)).size).toBe(1);
  });

  test('are a hundred at most, and what waited too long for one is not sent after all', async () => {
    const held: ServerResponse[] = [];
    const api = await HttpApi.start(({ body }, response) => {
      if (body['name'] !== 'HELD') return undefined;
      held.push(response);
      // An answer that has begun keeps its connection busy beyond the timeout of the call.
      if (held.length === 100) for (const each of held) each.write('{');
      return 'nothing';
    });
    const { client } = await startClient(api.port, { timeoutMs: 1_000, batching: false });

    await Promise.all(members(101).map((id) => failureOf(client.relayToMember(id, 'HELD'))));
    for (const response of held) response.end('}');
    await client.relayToMember('7', 'LATER');

    expect(held).toHaveLength(100);
    expect(api.connections.size).toBeLessThanOrEqual(100);
  });

  // node-fetch takes a complete chunked answer for a broken one when its connection has the next request already.
  test('are free before they are used again, so that no chunked answer looks broken', async () => {
    const api = await HttpApi.start((_, response) => {
      response.writeHead(200).write('{');
      response.end('}');
      return 'nothing';
    });
    const { client } = await startClient(api.port, { batching: false });

    await Promise.all(members(500).map((id) => client.relayToMember(id, 'E')));

    expect(api.received).toHaveLength(500);
    expect(new Set(api.received.map(({ connection }) => connection)).size).toBeLessThanOrEqual(100);
  });

  test('speak TLS unless the configuration says otherwise', async () => {
    const firstByte = new Promise<number | undefined>((resolve) => {
      const server = createServer((connection) => {
        onTeardown(() => connection.destroy());
        connection.on('error', () => undefined);
        connection.once('data', (data) => {
          resolve(data[0]);
          connection.destroy();
        });
      });
      void listen(server).then(async (port) => {
        const { client } = await startClient(port, { scheme: 'https' });
        await failureOf(client.relayToMember('7', 'E'));
      });
    });

    const tlsHandshake = 0x16;
    expect(await firstByte).toBe(tlsHandshake);
  });

  test('are closed by close()', async () => {
    const api = await HttpApi.start();
    const { client } = await startClient(api.port, { batching: false });
    await Promise.all([client.relayToMember('7', 'E'), client.relayToMember('8', 'E')]);
    expect(api.connections.size).toBe(2);

    await client.close();

    await api.until(({ connections }) => connections.size === 0);
  });
});

describe('close', () => {
  test('lets the relays called before come to their end, in their order', async () => {
    const first = gate();
    const api = await HttpApi.start(async () => {
      await first.opened;
      return undefined;
    });
    const { client } = await startClient(api.port);
    const calls = [client.relayToMember('7', 'FIRST')];
    await api.until(({ received }) => received.length === 1);
    calls.push(client.relayToMember('7', 'SECOND'));

    const closed = client.close();
    first.open();
    await Promise.all(calls);
    await closed;

    expect(api.events.map(({ name }) => name)).toEqual(['FIRST', 'SECOND']);
  });

  test('sends what was gathered and has not left yet', async () => {
    const api = await HttpApi.start();
    const { client } = await startClient(api.port);
    const calls = [
      client.relayToMember('7', 'FIRST'),
      client.broadcast('SECOND'),
      client.disconnectMember('7'),
    ];

    await client.close();

    await Promise.all(calls);
    expect(api.endpoints).toEqual(['batch_events', 'terminate_connections']);
  });

  test('does not wait longer than one request may take, and tells what was lost', async () => {
    const api = await HttpApi.start(() => 'nothing');
    const { client } = await startClient(api.port, { timeoutMs: 50 });
    const calls = ['A', 'B', 'C', 'D'].map((event) => failureOf(client.relayToMember('7', event)));

    await client.close();

    for (const error of await Promise.all(calls)) expect(error).toBeInstanceOf(SocketUnavailableError);
    expect(api.received.length).toBeLessThan(4);
    await api.until(({ connections }) => connections.size === 0);
  });

  test('may be called twice', async () => {
    const api = await HttpApi.start();
    const { client } = await startClient(api.port);

    await client.close();
    await client.close();
  });

  test('makes every later call fail, and sends nothing', async () => {
    const api = await HttpApi.start();
    const { client } = await startClient(api.port);
    await client.close();

    const errors = await Promise.all(
      [
        client.relayToMember('7', 'E'),
        client.relayToMembers(['7', '8'], 'E'),
        client.relayToChannel('room', 'E'),
        client.broadcast('E'),
        client.disconnectMember('7'),
        client.onlineMembers(['7']),
      ].map(failureOf),
    );

    expect(errors.every((error) => error instanceof SocketUnavailableError)).toBe(true);
    expect(errors.map(({ lost }) => lost)).toEqual([['7'], ['7', '8'], ['room'], ['everybody'], ['7'], []]);
    expect(await client.health()).toEqual({ status: 'down', connections: null, reason: 'closed' });
    expect(api.received).toEqual([]);
  });
});
