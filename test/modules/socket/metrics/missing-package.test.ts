import 'reflect-metadata';
import { jest } from '@jest/globals';
import type { SocketRuntime } from '../../../../src/runtime/socket-runtime.js';
import { Scrape } from './support.js';

test('where prom-client is missing, the option that needs it and how to install it are told', async () => {
  const { registry } = new Scrape();
  jest.resetModules();
  jest.unstable_mockModule('../../../../src/modules/socket/metrics/collectors.js', () => {
    throw Object.assign(new Error("Cannot find package 'prom-client' imported from collectors.js"), {
      code: 'ERR_MODULE_NOT_FOUND',
    });
  });
  const { startMetrics } = await import('../../../../src/modules/socket/metrics/start-metrics.js');
  await expect(startMetrics(registry, {} as SocketRuntime)).rejects.toMatchObject({
    name: 'MissingPackageError',
    code: 'MISSING_PACKAGE',
    packages: ['prom-client'],
    message: expect.stringMatching(
      /The option "metrics" needs "prom-client".*npm install prom-client/,
    ) as string,
  });
});

test('without a registry nothing of the metrics is loaded', async () => {
  jest.resetModules();
  const load = jest.fn(() => ({}));
  jest.unstable_mockModule('../../../../src/modules/socket/metrics/collectors.js', load);
  jest.unstable_mockModule('prom-client', load);
  const { Test } = await import('@nestjs/testing');
  const { SocketTestingModule } = await import('nestjs-switchboard/testing');
  const { SocketService } = await import('nestjs-switchboard');
  const imports = [SocketTestingModule.forRoot({ env: {}, identify: () => null })];
  const app = (await Test.createTestingModule({ imports }).compile()).createNestApplication({
    logger: false,
  });
  await app.init();
  expect(await app.get(SocketService).broadcast('ANNOUNCED', { message: 'x' })).toMatchObject({
    status: 'sent',
  });
  expect(load).not.toHaveBeenCalled();
  await app.close();
});
