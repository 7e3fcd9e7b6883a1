import { jest } from '@jest/globals';
import { startMetrics } from '../../../../src/modules/socket/metrics/start-metrics.js';
import type { DeliveryHealth } from '../../../../src/ports/socket-client.js';
import type { RelayDelivery } from '../../../../src/relays/relay-delivery.js';
import type { SocketRuntime } from '../../../../src/runtime/socket-runtime.js';
import { Scrape } from './support.js';

const PUSHER = '{provider="pusher"}';

/** As much of a runtime as metrics ask for: two providers, and a delivery that answers as this says. */
function runtime(health: () => Promise<DeliveryHealth>): SocketRuntime {
  const delivery: Partial<RelayDelivery> = { retried: 3, health };
  const providers = ['pusher', 'ws'].map((name) => ({ name }));
  const secondCounts = { missed: 5, divergence: 6 };
  const config = { provider: 'pusher', history: { channels: [] } };
  const parts = { config, provider: 'ws', providers, delivery, secondCounts };
  return parts as unknown as SocketRuntime;
}

test('a queue is asked once for a scrape, however many metrics are about it', async () => {
  const scrape = new Scrape();
  const queue = { later: 4, dead: 2, oldestMs: 1_500 };
  const health = jest.fn(() =>
    Promise.resolve({ waiting: 7, bytes: 70, breaker: 'half-open', queue } as const),
  );
  const metrics = await startMetrics(scrape.registry, runtime(health));
  const text = await scrape.registry.metrics();
  for (const line of [
    `switchboard_relays_waiting${PUSHER} 7`,
    `switchboard_relays_waiting_bytes${PUSHER} 70`,
    `switchboard_breaker_state${PUSHER} 1`,
    `switchboard_queue_later${PUSHER} 4`,
    `switchboard_queue_dead${PUSHER} 2`,
    `switchboard_queue_oldest_seconds${PUSHER} 1.5`,
    `switchboard_relay_retries_total${PUSHER} 3`,
  ]) {
    expect(text).toContain(`\n${line}\n`);
  }
  expect(health).toHaveBeenCalledTimes(1);
  await scrape.registry.metrics();
  expect(health).toHaveBeenCalledTimes(2);
  metrics.release();
});

test('of two providers the one in force is reported, and pending relays are reported once, with the primary', async () => {
  const scrape = new Scrape();
  const health = () => Promise.resolve({ waiting: 1, bytes: 1, breaker: 'closed' } as const);
  const metrics = await startMetrics(scrape.registry, runtime(health));
  expect(await scrape.value('switchboard_provider_in_force{provider="pusher"}')).toBe(0);
  expect(await scrape.value('switchboard_provider_in_force{provider="ws"}')).toBe(1);
  expect(await scrape.value('switchboard_relays_waiting{provider="ws"}')).toBeUndefined();
  expect(await scrape.value('switchboard_second_missed_total{provider="ws"}')).toBe(5);
  expect(await scrape.value('switchboard_mirror_divergence_total{provider="ws"}')).toBe(6);
  expect(await scrape.value('switchboard_second_missed_total{provider="pusher"}')).toBeUndefined();
  metrics.count('member', 'sent');
  expect(await scrape.value('switchboard_relays_total{provider="ws",kind="member",outcome="sent"}')).toBe(1);
  metrics.release();
  expect(scrape.registry.getMetricsAsArray()).toEqual([]);
});
