import { SocketService } from 'nestjs-switchboard';
import { ChaosProxy } from '../../support/chaos-proxy.js';
import { Member } from '../../support/cluster/member.js';
import { eventually } from '../../support/cluster/waiting.js';
import { Host } from '../../support/host.js';
import { startRedis } from '../../support/redis.js';
import { startSocketApp } from '../../support/socket-app.js';
import { onTeardown } from './support.js';

/** Several processes of one application on the provider `pusher`, with their log in one Redis, and a gateway that plays Pusher. */
async function start(processes: number) {
  const [gateway, redis] = [await Host.start({ httpApi: { enabled: true } }), await startRedis()];
  const apps = await Promise.all(
    Array.from({ length: processes }, () =>
      startSocketApp({
        provider: 'pusher',
        app: gateway.app,
        pusher: {
          ...{ host: '127.0.0.1', port: gateway.port, scheme: 'http', envelope: true },
          ...{ wsHost: '127.0.0.1', wsPort: gateway.port },
        },
        cluster: 'redis',
        redis: { url: redis.url },
        history: { channels: ['members'] },
      }),
    ),
  );
  for (const app of apps) onTeardown(() => app.close());
  const network = await ChaosProxy.before(gateway.port);
  const services = apps.map(({ app }) => app.get(SocketService));
  const tick = (process: number, n: number, idempotencyKey?: string) =>
    services[process]?.relayToMember('ada', 'TICK' as never, { n } as never, { idempotencyKey });
  return { apps, services, network, tick };
}

test('pages catch up with what every process has relayed, whichever process they ask', async () => {
  const { apps, network, tick } = await start(2);
  const members = await Promise.all(apps.map((app) => Member.byConnect('ada', network, app)));
  const heard = members.map(({ pusher }) => {
    const ticks: number[] = [];
    pusher.user.bind('TICK', ({ n }: { n: number }) => ticks.push(n));
    return ticks;
  });
  await Promise.all(members.map((member) => member.isSettled()));
  await tick(0, 0);
  await eventually(10_000, () => {
    expect(heard).toEqual([[0], [0]]);
  });
  network.refuse();
  network.cut();
  for (let n = 1; n < 7; n++) await tick(n % 2, n);
  network.refuse(false);
  await eventually(20_000, () => {
    expect(heard).toEqual([
      [0, 1, 2, 3, 4, 5, 6],
      [0, 1, 2, 3, 4, 5, 6],
    ]);
  });
});

test('a relay with the same key is kept once, whichever process makes it, and all of them read it', async () => {
  const { services, tick } = await start(2);
  for (const process of [0, 1, 0])
    expect(await tick(process, process, 'order 7')).toMatchObject({ status: 'sent' });
  await tick(1, 2);
  for (const service of services) {
    const events = (await service.history({ member: 'ada' })) ?? [];
    expect(events.map(({ payload }) => payload)).toEqual([{ n: 0 }, { n: 2 }]);
  }
});
