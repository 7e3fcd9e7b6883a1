import type { ContractBrowser, ContractHarness } from './contract-harness.js';

/** The log of a channel has so many events in a harness with history. */
export const KEPT_EVENTS = 100;

/** A browser of a harness with history. */
type HistoryBrowser = Required<ContractBrowser>;

/**
 * The section *history* of the contract suite.
 *
 * @param started the harness, once it is started
 * @param someone makes the id of a new member
 */
export function describeHistory(started: () => ContractHarness, someone: () => string): void {
  const connect = async (id: string): Promise<HistoryBrowser> => {
    const browser = await started().connect(id);
    if (isOfHistory(browser)) return browser;
    throw new Error('A harness with history needs browsers with loseConnection() and comeBack()');
  };
  const names = async (browser: ContractBrowser, count: number) => {
    const heard = [];
    for (let n = 0; n < count; n++) heard.push((await browser.next()).event);
    return heard;
  };

  describe('and of history', () => {
    test('a browser that comes back hears what its member was told meanwhile: once, in order, before anything newer', async () => {
      const [alice, { client }] = [someone(), started()];
      const tab = await connect(alice);
      await client.relayToMember(alice, 'BEFORE');
      expect(await names(tab, 1)).toEqual(['BEFORE']);
      await tab.loseConnection();
      for (const n of [1, 2, 3]) await client.relayToMember(alice, `MISSED_${String(n)}`, { n });
      await client.relayToMembers([alice, someone()], 'MISSED_4');
      await tab.comeBack();
      await client.relayToMember(alice, 'NEWER');
      expect(await names(tab, 5)).toEqual(['MISSED_1', 'MISSED_2', 'MISSED_3', 'MISSED_4', 'NEWER']);
    });

    test('so it is with broadcasts, and with a channel', async () => {
      const [alice, room, { client }] = [someone(), `presence-${someone()}`, started()];
      const tab = await connect(alice);
      await tab.subscribe(room);
      await tab.loseConnection();
      await client.relayToChannel(room, 'MISSED', { on: 'the channel' });
      await tab.comeBack();
      await client.relayToChannel(room, 'NEWER');
      expect(await names(tab, 2)).toEqual(['MISSED', 'NEWER']);
      await tab.loseConnection();
      await client.broadcast('MISSED_NEWS', { on: 'everything' });
      await tab.comeBack();
      expect(await tab.next()).toEqual({ event: 'MISSED_NEWS', payload: { on: 'everything' } });
    });

    test('it may lose the connection again and again', async () => {
      const [alice, { client }] = [someone(), started()];
      const tab = await connect(alice);
      const events = Array.from({ length: 6 }, (_, n) => `EVENT_${String(n)}`);
      for (const [n, event] of events.entries()) {
        if (n % 2 === 0) await tab.loseConnection();
        await client.relayToMember(alice, event);
        if (n % 2 === 0) await tab.comeBack();
      }
      expect(await names(tab, events.length)).toEqual(events);
    });

    test('an event that left its connection out is not caught up either', async () => {
      const [alice, { client }] = [someone(), started()];
      const tab = await connect(alice);
      const { socketId } = tab;
      await client.relayToMember(alice, 'LEFT_OUT', undefined, { exceptSocketId: socketId });
      await tab.loseConnection();
      await client.relayToMember(alice, 'LEFT_OUT_TOO', undefined, { exceptSocketId: socketId });
      await client.relayToMember(alice, 'MISSED');
      await tab.comeBack();
      await client.relayToMember(alice, 'NEWER');
      expect(await names(tab, 2)).toEqual(['MISSED', 'NEWER']);
    });

    test('a second relay with the same idempotency key is not heard again', async () => {
      const [alice, { client }] = [someone(), started()];
      const tab = await connect(alice);
      for (const event of ['ONCE', 'ONCE', 'OTHER'])
        await client.relayToMember(alice, event, undefined, { idempotencyKey: event });
      expect(await names(tab, 2)).toEqual(['ONCE', 'OTHER']);
    });

    test('after more than the log keeps, it is told of a gap, once, and then hears what is newer', async () => {
      const [alice, { client }] = [someone(), started()];
      const tab = await connect(alice);
      await client.relayToMember(alice, 'BEFORE');
      expect(await names(tab, 1)).toEqual(['BEFORE']);
      await tab.loseConnection();
      for (let n = 0; n <= KEPT_EVENTS; n++) await client.relayToMember(alice, 'MISSED');
      await tab.comeBack();
      expect(await tab.next()).toEqual({ event: 'gap', payload: 'trimmed' });
      await client.relayToMember(alice, 'NEWER');
      expect(await names(tab, 1)).toEqual(['NEWER']);
    });
  });
}

function isOfHistory(browser: ContractBrowser): browser is HistoryBrowser {
  return browser.loseConnection !== undefined && browser.comeBack !== undefined;
}
