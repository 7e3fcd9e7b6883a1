import { jest } from '@jest/globals';
import { eventually } from '../support/cluster/waiting.js';
import { show, since } from './support/figures.js';
import { type Round, Soak } from './support/soak.js';
import { SoakClient } from './support/soak-client.js';
import { visits } from './support/visitor.js';

/** How long it goes on, at least; what is under way then comes to its end. */
const SOAK_MS = 1_000 * Number(process.env['SWITCHBOARD_SOAK_S'] ?? 25);
/** The traffic of a site of a thousand members in a quarter of an hour, if each stays for ten minutes and hears a relay a minute. */
const CONNECTIONS = 1_500;
const RELAYS = 15_000;
/** Rounds in which everything is used for the first time: code is compiled, pools and tables get their size. */
const WARM_UP = 2;
const ROUNDS = 4;
const MEGABYTE = 1024 * 1024;
/** Less than a kilobyte for each connection that came and went. */
const HEAP_NOISE = 1.5 * MEGABYTE;
const SETTLED_MS = 60_000;

jest.setTimeout(SOAK_MS + 300_000);

const total = (rounds: readonly Round[], by: 'gateway' | 'provider', what: keyof Round['gateway']): number =>
  rounds.reduce((sum, round) => sum + round[by][what], 0);

test.each([
  ['without history', false],
  ['with history, everybody catches up', true],
])(
  'a quarter of an hour of coming and going, relays and outages leaves nothing behind, and everything adds up: %s',
  async (name, hasHistory) => {
    SoakClient.connections = SoakClient.subscriptions = visits.relays = visits.disconnects = 0;
    const soak = await Soak.start(hasHistory);
    const handles = await soak.handles();
    const rounds: Round[] = [];
    const heaps: number[] = [];
    const start = performance.now();
    for (let round = 0; round < WARM_UP; round++) rounds.push(await soak.round());
    const heapBefore = await soak.heapBytes();
    const count = (what: keyof Round['gateway']) =>
      total(rounds, 'gateway', what) + total(rounds, 'provider', what);
    const isEnough = () =>
      performance.now() - start > SOAK_MS &&
      heaps.length >= ROUNDS &&
      SoakClient.connections >= CONNECTIONS &&
      count('relays') >= RELAYS;
    while (!isEnough()) {
      rounds.push(await soak.round());
      heaps.push(await soak.heapBytes());
    }
    const seconds = Math.round(since(start) / 1_000);
    show(`soak, ${name}`, {
      seconds,
      rounds: rounds.length,
      connections: SoakClient.connections,
      subscriptions: SoakClient.subscriptions,
      disconnects: visits.disconnects,
      outages: soak.outages,
      relays: count('relays') + visits.relays,
      delivered: count('delivered') + visits.relays,
      cutOff: count('cutOff'),
      caughtUp: rounds.reduce((sum, { caughtUp }) => sum + caughtUp, 0),
      lost: count('lost'),
      toldAsFailed: count('failed'),
      failedAndHeard: count('failedAndHeard'),
      duplicatedByRetries: total(rounds, 'provider', 'duplicated'),
      duplicatedOtherwise: total(rounds, 'gateway', 'duplicated'),
      heapMB: [heapBefore, ...heaps].map((bytes) => Math.round((bytes / MEGABYTE) * 100) / 100),
    });

    for (const by of ['gateway', 'provider'] as const) {
      const accepted = total(rounds, by, 'relays') - total(rounds, by, 'failed');
      expect(total(rounds, by, 'delivered') + total(rounds, by, 'cutOff')).toBe(accepted);
    }
    // What is left behind is there in every later round; what a round needs for a moment is not.
    expect(Math.min(...heaps.slice(-Math.ceil(heaps.length / 2))) - heapBefore).toBeLessThan(HEAP_NOISE);
    await eventually(SETTLED_MS, async () => {
      expect(await soak.handles()).toEqual(handles);
    });
    // They end by themselves, which a timer that was left behind would keep them from.
    await soak.publisher.close();
    await soak.gateway.close();
  },
);
