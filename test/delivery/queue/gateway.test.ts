import 'reflect-metadata';
import { jest } from '@jest/globals';
import { Test } from '@nestjs/testing';
import { SocketModule, SocketService } from 'nestjs-switchboard';
import { eventually } from '../../support/cluster/waiting.js';
import { startHost } from '../../support/hosts.js';
import { openBrowser } from '../../support/pusher-browser.js';
import { startRedis } from '../../support/redis.js';
import { onTeardown } from '../../support/teardown.js';
import { note, upTo } from './support.js';

jest.setTimeout(60_000);

describe('a queue on the gateway', () => {
  test('has a worker without a port bring relays to browsers, in order, and disconnect them', async () => {
    const redis = await startRedis();
    const settings = {
      env: {},
      provider: 'ws',
      cluster: 'redis',
      redis: { url: redis.url, prefix: 'test' },
    } as const;
    const host = await startHost({ ...settings, delivery: { mode: 'queue', queueConcurrency: 0 } });
    const service = host.app.get(SocketService);
    const ada = await openBrowser(host.url, 'ada');
    for (const number of upTo(50)) expect((await note(service, 'ada', number)).status).toBe('queued');
    await service.disconnectMember('ada');
    expect(await service.health()).toMatchObject({ delivery: { waiting: 51 } });

    const module = SocketModule.forRoot({ ...settings, delivery: { mode: 'queue' } });
    const worker = await Test.createTestingModule({ imports: [module] }).compile();
    onTeardown(() => worker.close());
    worker.useLogger(false);
    await worker.init();
    await eventually(20_000, async () => {
      expect(await service.health()).toMatchObject({ delivery: { waiting: 0, queue: { dead: 0 } } });
    });
    const heard: number[] = [];
    for (const _ of upTo(50)) {
      const { payload } = await ada.next();
      heard.push(Number((payload as { text: string }).text));
    }
    expect(heard).toEqual(upTo(50));
    await ada.disconnected();
  });
});
