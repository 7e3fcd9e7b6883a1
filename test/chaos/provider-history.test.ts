import { jest } from '@jest/globals';
import { SocketService } from 'nestjs-switchboard';
import { ChaosProxy } from '../support/chaos-proxy.js';
import { Member } from '../support/cluster/member.js';
import { eventually } from '../support/cluster/waiting.js';
import { Host } from '../support/host.js';
import { logged } from '../support/hosts.js';
import { startSocketApp } from '../support/socket-app.js';
import { onTeardown } from '../support/teardown.js';
import { show } from './support/figures.js';
import { everyFault, TIMEOUT_MS } from './support/provider.js';
import { STEADY, Steady } from './support/steady.js';

jest.setTimeout(120_000);

const IDS = Array.from({ length: 5 }, (_, index) => `member-${index}`);
const HISTORY = { channels: ['members'], channelEvents: 3_000 };
const EVERY_MS = 25;
const SETTLED_MS = 40_000;

beforeEach(() => {
  for (const level of ['log', 'warn', 'error'] as const) logged(level);
});

/** Which of the two keeps the events, and numbers them. */
type Keeper = 'application' | 'gateway';

/**
 * An application on the provider `pusher`; a provider, which is a gateway of ours; a bad network between them; and pages that catch up
 * at the one that has history. The application's positions travel in envelopes.
 */
class Beside {
  /** The events that came to browsers without the helper, which take no envelope off. */
  readonly #raw: string[] = [];

  private constructor(
    readonly proxy: ChaosProxy,
    readonly traffic: Steady,
    readonly service: SocketService,
    readonly losses: readonly unknown[],
  ) {}

  static async start(keeper: Keeper): Promise<Beside> {
    const isApplication = keeper === 'application';
    const gateway = await Host.start({
      httpApi: { enabled: true },
      ...(!isApplication && { history: HISTORY }),
    });
    const proxy = await ChaosProxy.before(gateway.port);
    const losses: unknown[] = [];
    const backend = await startSocketApp({
      provider: 'pusher',
      app: gateway.app,
      pusher: {
        ...{ host: '127.0.0.1', port: proxy.port, scheme: 'http', timeoutMs: TIMEOUT_MS },
        envelope: isApplication,
        ...{ wsHost: '127.0.0.1', wsPort: gateway.port },
      },
      ...(isApplication && { history: HISTORY }),
      onRelayError: (lost) => void losses.push(lost),
    });
    onTeardown(() => backend.close());
    const service = backend.app.get(SocketService);
    const members = await Promise.all(
      IDS.map((id) => Member.byConnect(id, gateway, isApplication ? backend : gateway)),
    );
    const witnesses = await Promise.all(IDS.map((id) => Member.on(gateway, id)));
    const relay = (member: string, n: number) =>
      service.relayToMember(member, STEADY as never, { n } as never);
    const beside = new Beside(proxy, Steady.to(members, relay, EVERY_MS), service, losses);
    for (const { id, pusher } of witnesses)
      pusher.user.bind(STEADY, (payload: unknown) => beside.#raw.push(`${id} ${JSON.stringify(payload)}`));
    await beside.traffic.isHeardByAll();
    return beside;
  }

  /** How many events came twice to the browsers without the helper. */
  get twiceOnTheWire(): number {
    return this.#raw.length - new Set(this.#raw).size;
  }

  /** Ends the traffic, waits until nothing waits, and checks what every page has heard. */
  async settle(fault: string): Promise<void> {
    await this.traffic.isHeardByAll(SETTLED_MS);
    await this.traffic.stop();
    await eventually(SETTLED_MS, () => {
      expect(this.service.relays.queued).toBe(0);
      expect(this.traffic.figures).toMatchObject({
        ...{ failed: 0, lost: 0, cutOff: 0, duplicated: 0, outOfOrder: 0 },
      });
    });
    expect(this.losses).toEqual([]);
    const { retried } = this.service.relays;
    const { twiceOnTheWire } = this;
    show(`provider, with history: ${fault}`, { ...this.traffic.figures, retried, twiceOnTheWire });
  }
}

const FAULTS: readonly (readonly [fault: string, inflict: (beside: Beside) => Promise<void>])[] = [
  [
    'answers that come byte by byte, too slowly',
    async ({ proxy, traffic }) => {
      proxy.trickle(1, 100, 'down');
      await traffic.goesOn(400);
      proxy.trickle(undefined);
      proxy.cut();
    },
  ],
  [
    'resets within answers',
    async ({ proxy, traffic }) => {
      for (let round = 0; round < 4; round++) {
        proxy.tearAfter(20, 'down');
        await traffic.goesOn(100);
      }
    },
  ],
  [
    'a black hole',
    async ({ proxy, traffic }) => {
      proxy.swallow();
      await traffic.goesOn(800);
      proxy.release();
    },
  ],
  [
    'latency, resets within requests and answers, and a black hole',
    ({ proxy, traffic }) => everyFault(proxy, traffic),
  ],
];

describe('Between an application with history and its provider', () => {
  test.each(FAULTS)('%s: every page hears everything once and in order', async (fault, inflict) => {
    const beside = await Beside.start('application');
    await inflict(beside);
    await beside.settle(fault);
    // The provider has published some of it twice: the positions in the envelopes make it one.
    expect(beside.twiceOnTheWire).toBeGreaterThan(0);
  });
});

describe('Between an application and a gateway with history', () => {
  test.each(FAULTS.slice(-1))('%s: every page hears everything once and in order', async (fault, inflict) => {
    const beside = await Beside.start('gateway');
    await inflict(beside);
    await beside.settle(`${fault}, and the gateway keeps it`);
    // The gateway knows by their keys what it has published already.
    expect(beside.service.relays.retried).toBeGreaterThan(0);
    expect(beside.twiceOnTheWire).toBe(0);
  });
});
