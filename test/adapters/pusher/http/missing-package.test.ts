import 'reflect-metadata';
import { jest } from '@jest/globals';

jest.unstable_mockModule('pusher', () => {
  throw Object.assign(new Error("Cannot find package 'pusher'"), { code: 'ERR_MODULE_NOT_FOUND' });
});

describe('without the pusher package', () => {
  test('the adapter can be imported, and loading it names the package and the command that installs it', async () => {
    const { pusherAdapter } = await import('../../../../src/adapters/pusher/pusher.adapter.js');
    const { startProvider } = await import('../../../../src/runtime/provider.js');
    const { socketConfig } = await import('../../../../src/config/socket-config.js');
    const { MissingPackageError } = await import('../../../../src/ports/errors.js');

    const config = socketConfig(
      {},
      { provider: 'pusher', app: { id: '1', key: 'k', secret: 's' }, pusher: { cluster: 'eu' } },
    );
    const error: unknown = await startProvider(pusherAdapter, config, console).catch(
      (reason: unknown) => reason,
    );

    expect(error).toBeInstanceOf(MissingPackageError);
    expect(error).toMatchObject({
      code: 'MISSING_PACKAGE',
      provider: 'pusher',
      packages: ['pusher'],
      cause: { message: "Cannot find package 'pusher'" },
    });
    expect(String(error)).toContain('npm install pusher');
  });
});
