import 'reflect-metadata';
import { Test } from '@nestjs/testing';
import { type LostRelay, SocketModule, type SocketModuleOptions, SocketService } from 'nestjs-switchboard';
import { APP, HttpApi } from '../../adapters/pusher/support.js';
import { ChaosProxy } from '../../support/chaos-proxy.js';
import { eventually } from '../../support/cluster/waiting.js';
import { onTeardown } from '../../support/teardown.js';
import type { LedgerFigures } from './ledger.js';
import { STEADY, Steady } from './steady.js';

/** `PUSHER_TIMEOUT_MS` of these tests. A call is settled within twice that. */
export const TIMEOUT_MS = 2_000;

/** A machine may stall for so long on top of that. */
const STALL_MS = 4_000;
const MEMBERS = Array.from({ length: 20 }, (_, index) => `member-${index}`);
const EVERY_MS = 50;
const SETTLED_MS = 40_000;

/** Every fault of the network to a gateway that plays the provider, one after the other. */
export async function everyFault(proxy: ChaosProxy, traffic: Steady): Promise<void> {
  proxy.delay(20, 40);
  await traffic.goesOn(200);
  proxy.delay(0);
  proxy.tearAfter(20, 'down');
  await traffic.goesOn(100);
  proxy.tearAfter(100, 'up');
  await traffic.goesOn(100);
  proxy.swallow();
  await traffic.goesOn(400);
  proxy.release();
}

type Handler = NonNullable<Parameters<typeof HttpApi.start>[0]>;

/** The measurements of one fault of the provider. */
export interface ProviderFigures extends LedgerFigures {
  readonly queued: number;
  readonly retried: number;
  /** Requests that the provider saw. */
  readonly requests: number;
  /** From the end of the fault until everything that waited was delivered. */
  readonly recoveredMs: number;
}

/** An application on the provider `pusher` at this port, through the real SDK. Closed after the test. */
export async function applicationAt(
  port: number,
  app: NonNullable<SocketModuleOptions['app']> = APP,
): Promise<{ service: SocketService; losses: LostRelay[] }> {
  const losses: LostRelay[] = [];
  const module = SocketModule.forRoot({
    env: {},
    provider: 'pusher',
    app,
    pusher: { host: '127.0.0.1', port, scheme: 'http', timeoutMs: TIMEOUT_MS },
    identify: () => null,
    onRelayError: (lost) => void losses.push(lost),
  });
  const nest = (await Test.createTestingModule({ imports: [module] }).compile()).createNestApplication({
    logger: false,
  });
  onTeardown(() => nest.close());
  await nest.init();
  return { service: nest.get(SocketService), losses };
}

/**
 * A provider that can be made to fail, an application that relays to twenty members through a bad network to it, and what
 * the provider published of that. Gone after the test.
 */
export class FailingProvider {
  /** How it treats a request that it has taken; nothing, while it is well. */
  fate: Handler = () => undefined;
  #healedAt = 0;

  private constructor(
    readonly api: HttpApi,
    readonly proxy: ChaosProxy,
    readonly service: SocketService,
    readonly losses: readonly LostRelay[],
    readonly traffic: Steady,
  ) {}

  static async start(): Promise<FailingProvider> {
    const own: { provider?: FailingProvider } = {};
    const api = await HttpApi.start((received, response) => {
      const answer = own.provider?.fate(received, response);
      return answer instanceof Promise
        ? answer.then((of) => own.provider?.publish(received, of))
        : own.provider?.publish(received, answer);
    });
    const proxy = await ChaosProxy.before(api.port);
    const { service, losses } = await applicationAt(proxy.port);
    const relay = (member: string, n: number) =>
      service.relayToMember(member, STEADY as never, { n } as never);
    const traffic = new Steady(MEMBERS, relay, EVERY_MS);
    own.provider = new FailingProvider(api, proxy, service, losses, traffic);
    await traffic.isHeardByAll();
    return own.provider;
  }

  /** The fault is over, and everything is measured from here. */
  heals(): void {
    this.fate = () => undefined;
    this.#healedAt = performance.now();
  }

  /** Ends the traffic, waits until nothing waits, and checks what holds whatever has happened. */
  async settle(): Promise<ProviderFigures> {
    await this.traffic.isHeardByAll(SETTLED_MS);
    await this.traffic.stop();
    await eventually(SETTLED_MS, () => {
      expect(this.service.relays.queued).toBe(0);
    });
    const recoveredMs = Math.round(performance.now() - this.#healedAt);
    const { figures, relays } = this.traffic;
    expect(figures).toMatchObject({ failed: 0, lost: 0, cutOff: 0, outOfOrder: 0 });
    expect(figures.slowestMs).toBeLessThan(2 * TIMEOUT_MS + STALL_MS);
    expect(this.losses).toEqual([]);
    const { sent, failed, retried } = this.service.relays;
    expect({ sent, failed }).toEqual({ sent: relays.length, failed: 0 });
    const queued = relays.filter(({ status }) => status === 'queued').length;
    return { ...figures, queued, retried, requests: this.api.received.length, recoveredMs };
  }

  /** Publishes the accepted requests in their order, and none that is refused. */
  private publish<A extends Awaited<ReturnType<Handler>>>(
    received: HttpApi['received'][number],
    answer: A,
  ): A {
    const isRefused = typeof answer === 'object' && (answer.status ?? 200) >= 400;
    if (!isRefused) {
      for (const { channel, data } of received.events) {
        const { n } = JSON.parse(String(data)) as { n: number };
        this.traffic.hears(String(channel).replace('#server-to-user-', ''), n, 'the provider');
      }
    }
    return answer;
  }
}
