import 'reflect-metadata';
import { jest } from '@jest/globals';
import { Test } from '@nestjs/testing';
import {
  SocketConfigurationError,
  SocketModule,
  type SocketModuleOptions,
  SocketService,
} from 'nestjs-switchboard';
import { SocketFake } from 'nestjs-switchboard/testing';
import { Counter, Registry } from 'prom-client';
import { APP, gate, HttpApi, onTeardown } from '../../../adapters/pusher/support.js';
import { logged, startFake } from '../../../support/hosts.js';
import { Scrape } from './support.js';

/** An application on the provider `pusher`, through its real SDK, over a server on the loopback interface. */
async function startApp(api: HttpApi, options: SocketModuleOptions = {}) {
  const scrape = new Scrape();
  const module = SocketModule.forRoot({
    env: {},
    provider: 'pusher',
    app: APP,
    pusher: { host: '127.0.0.1', port: api.port, scheme: 'http' },
    identify: () => null,
    metrics: scrape.registry,
    ...options,
  });
  const app = (await Test.createTestingModule({ imports: [module] }).compile()).createNestApplication({
    logger: false,
  });
  onTeardown(() => app.close());
  await app.init();
  return { service: app.get(SocketService), scrape };
}

const relays = (provider: string, kind: string, outcome: string) =>
  `switchboard_relays_total{provider="${provider}",kind="${kind}",outcome="${outcome}"}`;
const PUSHER = '{provider="pusher"}';
const TICK = { from: 'alan', text: '1' };

describe('the metrics of relays', () => {
  test('count what is sent and what fails, by kind, from 0 on', async () => {
    logged('error');
    const { registry, ...scrape } = fromRegistry();
    const { service, fake } = await startFake({ failure: 'report', metrics: registry });
    expect(await scrape.value(relays('memory', 'member', 'failed'))).toBe(0);
    await service.relayToMember('ada', 'MEMBER_MESSAGED', TICK);
    await service.relayToMembers(['ada', 'alan'], 'MEMBER_MESSAGED', TICK);
    await service.relayToChannel('news', 'ANNOUNCED', { message: 'x' });
    await service.broadcast('ANNOUNCED', { message: 'x' });
    await service.disconnectMember('ada');
    for (const kind of ['member', 'members', 'channel', 'broadcast', 'disconnect']) {
      expect(await scrape.value(relays('memory', kind, 'sent'))).toBe(1);
    }
    fake.faults.failNext();
    await service.relayToMember('ada', 'MEMBER_MESSAGED', TICK);
    expect(await scrape.value(relays('memory', 'member', 'failed'))).toBe(1);
    expect(
      await scrape.value('switchboard_relay_duration_seconds_count{provider="memory",kind="member"}'),
    ).toBe(1);
  });

  test('count a failure that is thrown too, and no mistake of a caller', async () => {
    const { registry, ...scrape } = fromRegistry();
    const { service, fake } = await startFake({ failure: 'throw', metrics: registry });
    fake.faults.failNext();
    await expect(service.broadcast('ANNOUNCED', { message: 'x' })).rejects.toThrow();
    await expect(service.relayToMember('', 'MEMBER_MESSAGED', TICK)).rejects.toThrow();
    expect(await scrape.value(relays('memory', 'broadcast', 'failed'))).toBe(1);
    expect(await scrape.value(relays('memory', 'member', 'failed'))).toBe(0);
  });

  test('count what is made after a rollback as dropped', async () => {
    logged('warn');
    const { registry, ...scrape } = fromRegistry();
    const { service } = await startFake({ metrics: registry });
    const held = gate();
    let late: Promise<unknown> | undefined;
    const transaction = service.afterCommit(async () => {
      late = held.opened.then(() => service.broadcast('ANNOUNCED', { message: 'x' }));
      throw new Error('rolled back');
    });
    await expect(transaction).rejects.toThrow('rolled back');
    held.open();
    expect(await late).toMatchObject({ status: 'dropped' });
    expect(await scrape.value(relays('memory', 'broadcast', 'dropped'))).toBe(1);
  });

  test('tell of what waits, the retries and the breaker, and of how long it all took', async () => {
    logged('warn');
    let isDown = true;
    const api = await HttpApi.start(() => (isDown ? { status: 503 } : undefined));
    const { service, scrape } = await startApp(api, { delivery: { breakerFailures: 2 } });
    const breaker = () => scrape.value(`switchboard_breaker_state${PUSHER}`);
    expect(await breaker()).toBe(0);
    // Soon, and in order.
    const random = jest.spyOn(Math, 'random').mockReturnValue(0);
    onTeardown(() => {
      random.mockRestore();
    });
    expect(await service.relayToMember('ada', 'MEMBER_MESSAGED', TICK)).toMatchObject({ status: 'queued' });
    expect(await scrape.value(`switchboard_relays_waiting${PUSHER}`)).toBe(1);
    expect(await scrape.value(`switchboard_relays_waiting_bytes${PUSHER}`)).toBeGreaterThan(0);
    await scrape.until(`switchboard_breaker_state${PUSHER}`, 2);
    isDown = false;
    await scrape.until(`switchboard_breaker_state${PUSHER}`, 0);
    expect(await scrape.value(`switchboard_relays_waiting${PUSHER}`)).toBe(0);
    expect(await scrape.value(relays('pusher', 'member', 'queued'))).toBe(1);
    expect(await scrape.value(relays('pusher', 'member', 'sent'))).toBe(1);
    expect(await scrape.value(`switchboard_relay_retries_total${PUSHER}`)).toBeGreaterThanOrEqual(2);
    const queued = (what: string) =>
      scrape.value(`switchboard_relay_queued_duration_seconds_${what}{provider="pusher",kind="member"}`);
    expect(await queued('count')).toBe(1);
    // The breaker's first probe comes after half a second at the earliest.
    expect(await queued('sum')).toBeGreaterThan(0.4);
    expect(
      await scrape.value('switchboard_relay_duration_seconds_count{provider="pusher",kind="member"}'),
    ).toBeUndefined();
  });

  test('do not ask the provider anything at a scrape', async () => {
    const api = await HttpApi.start();
    const { scrape } = await startApp(api);
    await scrape.registry.metrics();
    expect(api.received).toEqual([]);
  });

  test('say nothing of connections that the provider has', async () => {
    const { scrape } = await startApp(await HttpApi.start());
    expect(await scrape.value(`switchboard_connections${PUSHER}`)).toBeUndefined();
  });
});

describe('a registry', () => {
  test('has the metrics until the application is closed', async () => {
    const { registry } = fromRegistry();
    const { app } = await startFake({ metrics: registry });
    expect(registry.getMetricsAsArray()).not.toEqual([]);
    await app.close();
    expect(registry.getMetricsAsArray()).toEqual([]);
  });

  test('is shared by several modules: the metrics are sums, until the last is closed', async () => {
    const { registry, ...scrape } = fromRegistry();
    const [one, two] = [await startFake({ metrics: registry }), await startFake({ metrics: registry })];
    await one.app.get(SocketFake).connect('ada');
    await two.app.get(SocketFake).connect('ada');
    await one.service.broadcast('ANNOUNCED', { message: 'x' });
    await two.service.broadcast('ANNOUNCED', { message: 'x' });
    expect(await scrape.value('switchboard_connections{provider="memory"}')).toBe(2);
    expect(await scrape.value(relays('memory', 'broadcast', 'sent'))).toBe(2);
    await one.app.close();
    expect(await scrape.value('switchboard_connections{provider="memory"}')).toBe(1);
    await two.app.close();
    expect(registry.getMetricsAsArray()).toEqual([]);
    const { service } = await startFake({ metrics: registry });
    await service.broadcast('ANNOUNCED', { message: 'x' });
    expect(await scrape.value(relays('memory', 'broadcast', 'sent'))).toBe(1);
  });

  test('that has something else by a name of ours is a mistake, which is named', async () => {
    const registry = new Registry();
    new Counter({ name: 'switchboard_relays_total', help: 'somebody else', registers: [registry] });
    const start = startFake({ metrics: registry });
    await expect(start).rejects.toThrow(SocketConfigurationError);
    await expect(start).rejects.toThrow('the registry has another metric "switchboard_relays_total"');
    expect(registry.getMetricsAsArray()).toHaveLength(1);
  });

  test('may speak OpenMetrics', async () => {
    const registry = new Registry();
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never);
    const { service, app } = await startFake({ metrics: registry });
    await service.broadcast('ANNOUNCED', { message: 'x' });
    for (let scrape = 0; scrape < 2; scrape++) {
      expect(await registry.metrics()).toContain(
        'switchboard_relays_total{provider="memory",kind="broadcast",outcome="sent"} 1',
      );
    }
    await app.close();
    expect(registry.getMetricsAsArray()).toEqual([]);
  });
});

function fromRegistry() {
  const scrape = new Scrape();
  return { registry: scrape.registry, value: (series: string) => scrape.value(series) };
}
