import fc from 'fast-check';
import type { PusherHttpApi } from '../../../src/adapters/pusher/http/pusher-http-api.js';
import { RequestFailure } from '../../../src/adapters/pusher/http/request-failure.js';
import type { PusherAdapterConfig } from '../../../src/adapters/pusher/pusher.settings.js';
import { PusherSocketClient } from '../../../src/adapters/pusher/pusher-socket-client.js';
import { MemoryLog } from '../../../src/history/memory-log.js';
import { systemClock } from '../../../src/ports/clock.js';
import type { SocketDeliveryError } from '../../../src/ports/errors.js';
import { configFor } from '../../adapters/pusher/support.js';
import { A_WHILE, LIMITS, settled, start } from '../support.js';

const MEMBERS = ['ada', 'alan', 'grace', 'edsger'];
const NOTHING = () => undefined;

/** A server that takes each request or fails it, as it is told, a turn or more later. */
class Server {
  /** The relays that members were told, in order. */
  readonly told = new Map<string, string[]>();

  constructor(private readonly next: () => { fails?: 503 | 400; turns: number }) {}

  publish = (channels: readonly string[], { name }: { name: string }) =>
    this.#take(channels.map((channel) => [channel, name]));
  publishBatch = (events: readonly { channel: string; name: string }[]) =>
    this.#take(events.map(({ channel, name }) => [channel, name]));
  terminate = (member: string) => this.#take([[`#server-to-user-${member}`, '-']]);
  close = NOTHING;

  async #take(events: readonly (readonly [string, string])[]): Promise<void> {
    const { fails, turns } = this.next();
    for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
    if (fails !== undefined)
      throw new RequestFailure(`HTTP ${fails}`, { retryable: fails === 503, status: fails });
    for (const [channel, name] of events) {
      const member = channel.replace('#server-to-user-', '');
      this.told.set(member, [...(this.told.get(member) ?? []), name]);
    }
  }
}

const fates = fc.record(
  { fails: fc.constantFrom(503 as const, 503 as const, 400 as const), turns: fc.nat(6) },
  { requiredKeys: ['turns'] },
);
const steps = fc.oneof(
  { weight: 6, arbitrary: fc.uniqueArray(fc.constantFrom(...MEMBERS), { minLength: 1 }) },
  { weight: 1, arbitrary: fc.constantFrom(...MEMBERS) },
  { weight: 3, arbitrary: fc.nat(3) },
  { weight: 1, arbitrary: fc.constant('advance' as const) },
);

describe.each([
  { mode: 'with batches', batching: true },
  { mode: 'call by call', batching: false },
])('over a server that fails as it likes, $mode', ({ batching }) => {
  test('each member is told in the order of the calls, once, and all but what is said to be lost', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(steps, { minLength: 1, maxLength: 40 }),
        fc.array(fates, { maxLength: 40 }),
        fc.constantFrom(0, 3),
        async (script, requests, breakerFailures) => {
          let isOver = false;
          const fate = requests[Symbol.iterator]();
          const server = new Server(() => (isOver ? { turns: 0 } : (fate.next().value ?? { turns: 1 })));
          const config: PusherAdapterConfig = {
            ...configFor(1, { batching, timeoutMs: 60_000 }),
            delivery: { ...LIMITS, retryDeadlineMs: 600_000 },
          };
          const logger = { log: NOTHING, warn: NOTHING, error: NOTHING };
          const client = new PusherSocketClient(
            server as unknown as PusherHttpApi,
            config,
            logger,
            systemClock,
            new MemoryLog(config, systemClock),
          );
          const limits = { retryDeadlineMs: 600_000, waitingRelays: 0, waitingBytes: 0, breakerFailures };
          const { delivery, send, advance, losses } = start(limits, client);

          const due = new Map<string, string[]>(MEMBERS.map((member) => [member, []]));
          const missed = new Map<string, string[]>(MEMBERS.map((member) => [member, []]));
          const sendings: Promise<unknown>[] = [];
          let number = 0;
          for (const step of script) {
            if (typeof step === 'number') {
              for (let turn = 0; turn < step; turn++) await new Promise((resolve) => setImmediate(resolve));
            } else if (step === 'advance') {
              await advance(500);
            } else {
              const to = typeof step === 'string' ? [step] : step;
              const id = typeof step === 'string' ? '-' : `E${++number}`;
              const sending =
                id === '-' ? delivery.send({ id, kind: 'disconnect', recipients: to }) : send(id, ...to);
              sendings.push(
                sending.catch((error: unknown) => {
                  for (const member of (error as SocketDeliveryError).lost) missed.get(member)?.push(id);
                }),
              );
              for (const member of to) due.get(member)?.push(id);
            }
          }
          await Promise.all(sendings);
          isOver = true;
          for (let rounds = 0; rounds < 20 && delivery.queued > 0; rounds++) await advance(A_WHILE);
          await settled();

          expect(delivery.health()).toEqual({ waiting: 0, bytes: 0, breaker: 'closed' });
          const lateLosses = losses.flatMap(({ lost }) => lost);
          for (const member of MEMBERS) {
            const told = server.told.get(member) ?? [];
            const owed = [...(due.get(member) ?? [])];
            for (const name of told) {
              const place = owed.indexOf(name);
              // Not there: told twice, or after what came later.
              expect(place).toBeGreaterThan(-1);
              owed.splice(0, place + 1);
            }
            const lost =
              (missed.get(member) ?? []).length + lateLosses.filter((name) => name === member).length;
            expect(told).toHaveLength((due.get(member) ?? []).length - lost);
          }
          await client.close();
        },
      ),
      { numRuns: 60 },
    );
  }, 60_000);
});
