import type { Relay } from '../../src/ports/relay.js';
import { RelayClient } from '../../src/ports/relay-client.js';
import type { ImmediateRelayOptions, ProviderHealth } from '../../src/ports/socket-client.js';

/** An adapter's client that keeps every relay. */
class KeepingClient extends RelayClient {
  readonly relays: Relay[] = [];

  send(relay: Relay): Promise<void> {
    this.relays.push(relay);
    return Promise.resolve();
  }

  onlineMembers(): Promise<ReadonlySet<string>> {
    return Promise.resolve(new Set());
  }

  health(): Promise<ProviderHealth> {
    return Promise.resolve({ status: 'up', connections: null });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

const UUID = expect.stringMatching(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/) as string;

/** The ids of relays, each of which must be a fresh one. */
function expectFreshIds(relays: readonly Relay[]): void {
  for (const { id } of relays) expect(id).toEqual(UUID);
  expect(new Set(relays.map(({ id }) => id)).size).toBe(relays.length);
}

/** Makes the four calls that have options, twice each. */
async function relayAll(options: ImmediateRelayOptions): Promise<readonly Relay[]> {
  const client = new KeepingClient('everybody');
  for (let round = 0; round < 2; round++) {
    await client.relayToMember('ada', 'NOTED', 1, options);
    await client.relayToMembers(['ada', 'alan'], 'NOTED', 1, options);
    await client.relayToChannel('news', 'NOTED', 1, options);
    await client.broadcast('NOTED', 1, options);
  }
  return client.relays;
}

describe('the calls of the port', () => {
  test('give every relay a fresh message id, although the options have an id of their own', async () => {
    const options = { id: 'order 7', exceptSocketId: '1.2' };
    const relays = await relayAll(options);
    expect(relays).toHaveLength(8);
    expectFreshIds(relays);
    for (const relay of relays) expect(relay.exceptSocketId).toBe('1.2');
  });

  test('give every disconnect a fresh message id', async () => {
    const client = new KeepingClient('everybody');
    await client.disconnectMember('ada');
    await Reflect.apply(client.disconnectMember.bind(client), undefined, ['ada', { id: 'order 7' }]);
    await Reflect.apply(client.disconnectMember.bind(client), undefined, ['ada', 'order 7']);
    expect(client.relays.map(({ kind }) => kind)).toEqual(['disconnect', 'disconnect', 'disconnect']);
    expectFreshIds(client.relays);
  });

  test('send at once, although the options have a delay', async () => {
    const options = { delayMs: 60_000, exceptSocketId: '1.2' };
    for (const relay of await relayAll(options)) {
      expect(relay.delayMs).toBeUndefined();
      expect(relay.exceptSocketId).toBe('1.2');
    }
  });

  test('take null for no options', async () => {
    const relays = await relayAll(null as unknown as ImmediateRelayOptions);
    expect(relays).toHaveLength(8);
    expectFreshIds(relays);
    for (const relay of relays) expect(relay.exceptSocketId).toBeUndefined();
  });
});
