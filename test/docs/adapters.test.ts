import type { Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { createSocketClient, type SocketAdapter, socketConfig, SocketService } from 'nestjs-switchboard';
import { usePage } from './support/page.js';

const page = usePage('docs/adapters.md');

await page.run('emitter-client.ts');
const { emitterAdapter } = await page.run<{ emitterAdapter: SocketAdapter }>('emitter.adapter.ts');
// The whole contract suite, over the page's adapter.
await page.run('emitter.contract.test.ts');

test('the module of the page relays through the adapter, by environment alone', async () => {
  process.env['SOCKET_PROVIDER'] = 'emitter';
  try {
    const { AppModule } = await page.run<{ AppModule: Type }>('app.module.ts');
    const app = await Test.createTestingModule({ imports: [AppModule] }).compile();
    await app.init();
    const service = app.get(SocketService);
    expect(service.provider).toBe('emitter');
    expect(await service.relayToMember('ada', 'TEST_MAYBE')).toMatchObject({ status: 'sent' });
    await app.close();
  } finally {
    delete process.env['SOCKET_PROVIDER'];
  }
});

test('the adapter works without Nest too', async () => {
  const adapters = [emitterAdapter];
  const config = socketConfig({ SOCKET_PROVIDER: 'emitter', EMITTER_STAGE: 'side' }, {}, { adapters });
  expect(config).toMatchObject({ provider: 'emitter', emitter: { maxListeners: 0, stage: 'side' } });
  const client = await createSocketClient(config, console, { adapters });
  expect(await client.broadcast('TEST_MAYBE')).toMatchObject({ status: 'sent' });
  // It does not say that it encrypts, so nothing of an encrypted channel leaves in plain text.
  await expect(client.relayToChannel('private-encrypted-room', 'TEST_MAYBE')).rejects.toMatchObject({
    code: 'INVALID_CHANNEL_NAME',
    message: expect.stringContaining('the provider has no encrypted channels') as string,
  });
  await client.close();
});

test('the settings of the adapter are checked with all others', () => {
  const env = { SOCKET_PROVIDER: 'emitter', EMITTER_STAGE: 'roof', EMITTER_MAX_LISTENERS: 'many' };
  let error: unknown;
  try {
    socketConfig(env, {}, { adapters: [emitterAdapter] });
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toMatchObject({
    problems: [
      'EMITTER_MAX_LISTENERS: must be a whole number from 0 to 2147483647; it is "many"',
      'EMITTER_STAGE: must be one of: main, side; it is "roof"',
    ],
  });
});
