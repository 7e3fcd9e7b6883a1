import type { ISocketClient } from '../ports/socket-client.js';
import type { ContractHarness } from './contract-harness.js';
import { describeHistory } from './contract-history.js';

export type { ContractBrowser, ContractEvent, ContractHarness } from './contract-harness.js';

/** The differences that a provider's nature makes necessary. The suite tests each as it is declared. */
export interface ContractDifferences {
  /** The payload that a browser gets from a call without one. @default undefined */
  readonly absentPayloadArrivesAs?: unknown;
  /** How much `channelMembers` tells: `ids` without info, or `nothing`, so that it rejects. @default 'info' */
  readonly channelMembers?: 'info' | 'ids' | 'nothing';
  /** Whether `removeFromChannel` takes a member out of a channel; otherwise it rejects. @default true */
  readonly canRemoveFromChannel?: boolean;
  /**
   * Whether the harness keeps history: of `members`, of `broadcast` and of channels whose names begin with `presence-`, 100 events of
   * each channel. Then the section *history* runs, and browsers can lose their connections. @default false
   */
  readonly hasHistory?: boolean;
}

/** Ids that no channel's name and no path can have as they are. */
const UNUSUAL_IDS = [
  'auth0|5f7c1e2d',
  'a+b@c.d',
  'urn:x:1',
  'a/b?c#d',
  '..',
  ' ',
  'a\nb',
  '\u0000',
  '=YQ',
  '__proto__',
  'é',
  'e\u0301',
  '名前'.repeat(75),
  '💬'.repeat(150),
];

/**
 * The contract suite: tests every promise of {@link ISocketClient} with one adapter. Call it at the top of a test file. It
 * needs the test runner's `describe`, `test`, `expect`, `beforeAll` and `afterAll` as globals.
 *
 * @param start starts the provider and its surroundings; it is called more than once
 */
export function describeSocketClient(
  name: string,
  start: () => Promise<ContractHarness>,
  {
    absentPayloadArrivesAs,
    channelMembers = 'info',
    canRemoveFromChannel = true,
    hasHistory = false,
  }: ContractDifferences = {},
): void {
  describe(`${name} keeps the promises of the port`, () => {
    let harness: ContractHarness;
    let client: ISocketClient;
    let members = 0;
    /** A new member for each test, so that tests run in any order. */
    const someone = () => `member-${String(++members)}`;

    beforeAll(async () => {
      harness = await start();
      client = harness.client;
    });
    afterAll(() => harness.stop());

    if (hasHistory) describeHistory(() => harness, someone);

    test('a relay reaches every connection of the member and no other member', async () => {
      const [alice, bob] = [someone(), someone()];
      const tabs = [await harness.connect(alice), await harness.connect(alice)];
      const other = await harness.connect(bob);
      await client.relayToMember(alice, 'NOTED', { n: 1 });
      await client.relayToMember(bob, 'NOTED', { n: 2 });
      for (const tab of tabs) expect(await tab.next()).toEqual({ event: 'NOTED', payload: { n: 1 } });
      expect(await other.next()).toEqual({ event: 'NOTED', payload: { n: 2 } });
    });

    test('relays to one member arrive in the order they were called', async () => {
      const alice = someone();
      const tab = await harness.connect(alice);
      const numbers = Array.from({ length: 50 }, (_, n) => n);
      await Promise.all(
        numbers.map((n) =>
          n % 2 === 0
            ? client.relayToMember(alice, 'COUNTED', n)
            : client.relayToMembers([alice, someone()], 'COUNTED', n),
        ),
      );
      for (const n of numbers) expect(await tab.next()).toEqual({ event: 'COUNTED', payload: n });
    });

    test.each([
      ['text that looks like a number', '123'],
      ['text that looks like JSON', '{"a":1}'],
      ['the empty text', ''],
      ['zero', 0],
      ['a fraction', -0.5],
      ['null', null],
      ['true', true],
      ['false', false],
      ['an empty object', {}],
      ['an empty array', []],
      ['nested data', { a: [1, { b: null }], c: { d: 'e' } }],
      ['unicode', { text: 'žluťoučký 👩‍🚀 \u2028 \u0000 "quoted" \\ </script>', ключ: '値' }],
      ['a lone surrogate', '\ud800'],
      ['a date', new Date(0)],
      ['an object with undefined in it', { kept: 1, dropped: undefined }],
      ['an array with undefined in it', [undefined, 1]],
      ['a key named __proto__', JSON.parse('{"__proto__":{"polluted":true}}') as unknown],
    ])('%s arrives as JSON carries it', async (_, payload: unknown) => {
      const alice = someone();
      const tab = await harness.connect(alice);
      await client.relayToMember(alice, 'CARRIED', payload);
      expect(await tab.next()).toEqual({
        event: 'CARRIED',
        payload: JSON.parse(JSON.stringify(payload)) as unknown,
      });
    });

    test('a call without payload arrives without one', async () => {
      const alice = someone();
      const tab = await harness.connect(alice);
      await client.relayToMember(alice, 'BARE');
      expect(await tab.next()).toEqual({ event: 'BARE', payload: absentPayloadArrivesAs });
    });

    test('the payload is sent as it was when the call was made', async () => {
      const alice = someone();
      const tab = await harness.connect(alice);
      const payload = { items: ['first'] };
      const calls = [
        client.relayToMember(alice, 'SNAPPED', payload),
        client.relayToMembers([alice], 'SNAPPED', payload),
        client.relayToMember(alice, 'SNAPPED', payload),
      ];
      payload.items.push('second');
      await Promise.all(calls);
      for (const _ of calls)
        expect(await tab.next()).toEqual({ event: 'SNAPPED', payload: { items: ['first'] } });
    });

    test('exceptSocketId leaves exactly that connection out', async () => {
      const alice = someone();
      const [left, right] = [await harness.connect(alice), await harness.connect(alice)];
      const channel = `room-${alice}`;
      await left.subscribe(channel);
      await right.subscribe(channel);
      const except = { exceptSocketId: left.socketId };
      await client.relayToMember(alice, 'ONE', 1, except);
      await client.relayToMembers([alice], 'TWO', 2, except);
      await client.relayToChannel(channel, 'THREE', 3, except);
      await client.broadcast('FOUR', 4, except);
      await client.relayToMember(alice, 'LAST', 5);
      expect(await left.next()).toEqual({ event: 'LAST', payload: 5 });
      const seen = new Set<string>();
      for (let n = 0; n < 5; n++) seen.add((await right.next()).event);
      expect(seen).toEqual(new Set(['ONE', 'TWO', 'THREE', 'FOUR', 'LAST']));
    });

    test('a relay to several members reaches each of them once, however often they are listed', async () => {
      const ids = [someone(), someone()];
      const tabs = await Promise.all(ids.map((id) => harness.connect(id)));
      await client.relayToMembers([...ids, ...ids, someone()], 'SHARED', 'x');
      await client.relayToMembers(ids, 'AFTER');
      for (const tab of tabs) {
        expect(await tab.next()).toEqual({ event: 'SHARED', payload: 'x' });
        expect((await tab.next()).event).toBe('AFTER');
      }
    });

    test('a relay to a channel reaches its subscribers only', async () => {
      const [alice, bob] = [someone(), someone()];
      const [inside, outside] = [await harness.connect(alice), await harness.connect(bob)];
      await inside.subscribe(`orders-${alice}`);
      await client.relayToChannel(`orders-${alice}`, 'SHIPPED', { id: 7 });
      await client.relayToMember(bob, 'AFTER', 0);
      expect(await inside.next()).toEqual({ event: 'SHIPPED', payload: { id: 7 } });
      expect((await outside.next()).event).toBe('AFTER');
    });

    test('a broadcast reaches everybody connected', async () => {
      const tabs = [await harness.connect(someone()), await harness.connect(someone())];
      await client.broadcast('ANNOUNCED_TO_ALL', { message: 'hello' });
      for (const tab of tabs)
        expect(await tab.next()).toEqual({ event: 'ANNOUNCED_TO_ALL', payload: { message: 'hello' } });
    });

    test('a relay without a listener is no error', async () => {
      await client.relayToMember(someone(), 'UNHEARD', {});
      await client.relayToMembers([], 'UNHEARD', {});
      await client.relayToChannel(`empty-${someone()}`, 'UNHEARD', {});
      await client.disconnectMember(someone());
    });

    test('a payload that JSON cannot carry is refused and nothing is sent', async () => {
      const alice = someone();
      const tab = await harness.connect(alice);
      const cycle: Record<string, unknown> = {};
      cycle['self'] = cycle;
      for (const payload of [cycle, 10n, () => 1, Symbol('s')]) {
        await expect(client.relayToMember(alice, 'BROKEN', payload)).rejects.toMatchObject({
          code: 'PAYLOAD_NOT_JSON',
        });
      }
      await client.relayToMember(alice, 'WHOLE', 1);
      expect((await tab.next()).event).toBe('WHOLE');
    });

    test("disconnecting a member ends every connection, after what was relayed before, and nobody else's", async () => {
      const [alice, bob] = [someone(), someone()];
      const tabs = [await harness.connect(alice), await harness.connect(alice)];
      const other = await harness.connect(bob);
      const relay = client.relayToMember(alice, 'GOODBYE', 'now');
      await Promise.all([relay, client.disconnectMember(alice)]);
      for (const tab of tabs) {
        expect(await tab.next()).toEqual({ event: 'GOODBYE', payload: 'now' });
        await tab.disconnected();
      }
      await client.relayToMember(bob, 'STILL_HERE');
      expect((await other.next()).event).toBe('STILL_HERE');
    });

    test('a disconnected member may connect again, and then gets relays again', async () => {
      const alice = someone();
      const first = await harness.connect(alice);
      await client.disconnectMember(alice);
      await first.disconnected();
      const second = await harness.connect(alice);
      await client.relayToMember(alice, 'WELCOME_BACK', 1);
      expect(await second.next()).toEqual({ event: 'WELCOME_BACK', payload: 1 });
    });

    test('it knows which members are signed in', async () => {
      const [alice, bob] = [someone(), someone()];
      await harness.connect(alice);
      expect(await client.onlineMembers([alice, bob])).toEqual(new Set([alice]));
    });

    if (channelMembers === 'nothing') {
      test('it says that it cannot tell who is on a presence channel', async () => {
        const rejection = { code: 'PROVIDER_REJECTED', retryable: false };
        await expect(client.channelMembers('presence-room')).rejects.toMatchObject(rejection);
      });
    } else {
      test(`it knows who is on a presence channel, and tells their ${channelMembers}`, async () => {
        const [room, alice, bob] = [`presence-${someone()}`, someone(), 'auth0|5f7c1e2d'];
        for (const id of [alice, alice, bob]) await (await harness.connect(id)).subscribe(room);
        await (await harness.connect(someone())).subscribe(`${room}-other`);
        const members = await client.channelMembers(room);
        const info = channelMembers === 'info' ? { info: { role: 'guest' } } : {};
        expect(new Set(members)).toEqual(new Set([alice, bob].map((id) => ({ id, ...info }))));
        expect(members).toHaveLength(2);
        expect(await client.channelMembers(`${room}-empty`)).toEqual([]);
      });
    }

    if (canRemoveFromChannel) {
      test('a member who is removed from a channel hears nothing more there, and nobody else is removed', async () => {
        const [room, alice, bob] = [`presence-${someone()}`, someone(), someone()];
        const tabs = [await harness.connect(alice), await harness.connect(alice)];
        const other = await harness.connect(bob);
        for (const browser of [...tabs, other]) await browser.subscribe(room);
        await client.removeFromChannel(room, alice);
        await client.relayToChannel(room, 'INSIDE');
        await client.relayToMembers([alice, bob], 'AFTER');
        for (const tab of tabs) {
          // With history the page is told that it hears nothing more of the channel.
          const told = await tab.next();
          const { event } = told.event === 'gap' ? await tab.next() : told;
          expect(event).toBe('AFTER');
        }
        expect((await other.next()).event).toBe('INSIDE');
        // Other nodes may tell a moment later that the member is gone.
        while ((await client.channelMembers(room)).length > 1) continue;
        expect(await client.channelMembers(room)).toMatchObject([{ id: bob }]);
        await client.removeFromChannel(room, alice);
        await client.removeFromChannel(room, someone());
      });
    } else {
      test('it says that it cannot remove a member from a channel, and what to do', async () => {
        const alice = someone();
        const rejection = { code: 'PROVIDER_REJECTED', retryable: false, lost: [alice] };
        const removal = client.removeFromChannel('presence-room', alice);
        await expect(removal).rejects.toMatchObject(rejection);
      });
    }

    test.each(UNUSUAL_IDS)('any text is a member id: %j', async (id) => {
      const [tab, other] = [await harness.connect(id), await harness.connect(someone())];
      await client.relayToMember(id, 'NAMED', { id });
      await client.relayToMembers([someone(), id], 'NAMED', { id: [id] });
      expect(await tab.next()).toEqual({ event: 'NAMED', payload: { id } });
      expect(await tab.next()).toEqual({ event: 'NAMED', payload: { id: [id] } });
      const absent = [...UNUSUAL_IDS, `${id} `, encodeURIComponent(id)].filter((another) => another !== id);
      expect(await client.onlineMembers([id, ...absent])).toEqual(new Set([id]));
      for (const another of absent) await client.disconnectMember(another);
      await client.relayToMember(id, 'STILL_HERE');
      expect((await tab.next()).event).toBe('STILL_HERE');
      await client.disconnectMember(id);
      await tab.disconnected();
      await client.broadcast('OTHERS_STAY');
      expect((await other.next()).event).toBe('OTHERS_STAY');
    });

    test('its health is up', async () => {
      expect(await client.health()).toMatchObject({ status: 'up' });
    });

    test('once closed, it rejects every call and its health is down', async () => {
      const other = await start();
      await other.client.close();
      for (const id of ['alice', 'auth0|alice']) {
        const rejection = { code: 'PROVIDER_UNAVAILABLE', retryable: true, lost: [id] };
        await expect(other.client.relayToMember(id, 'LATE', 1)).rejects.toMatchObject(rejection);
        await expect(other.client.disconnectMember(id)).rejects.toMatchObject(rejection);
      }
      const code = channelMembers === 'nothing' ? 'PROVIDER_REJECTED' : 'PROVIDER_UNAVAILABLE';
      await expect(other.client.channelMembers('presence-room')).rejects.toMatchObject({ code });
      expect(await other.client.health()).toMatchObject({ status: 'down' });
      await other.stop();
    });
  });
}
