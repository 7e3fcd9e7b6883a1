import { jest } from '@jest/globals';

/** Loads the check where each package is installed in this version. */
async function withInstalled(version: string) {
  jest.resetModules();
  jest.unstable_mockModule('node:fs', () => ({ readFileSync: () => JSON.stringify({ version }) }));
  return import('../../src/ports/missing-package.js');
}

test.each([
  ['ioredis', '4.28.5', '^5.0.0 || ^6.0.0'],
  ['ioredis', '7.0.0', '^5.0.0 || ^6.0.0'],
  ['bullmq', '5.54.0', '^5.55.0 || ^6.0.0'],
  ['prom-client', '13.2.0', '^14.0.0 || ^15.0.0'],
  ['pusher', '4.0.2', '^5.0.0'],
  ['ws', '7.5.9', '^8.7.0'],
])(
  'where %s %s is installed, nothing is loaded, and the supported versions are told',
  async (name, version, supported) => {
    const { loadWith } = await withInstalled(version);
    const load = jest.fn();
    const refused = loadWith([name], 'option', 'it', load);
    await expect(refused).rejects.toMatchObject({ code: 'MISSING_PACKAGE', packages: [name] });
    await expect(refused).rejects.toThrow(
      `The option "it" needs "${name}" ${supported}, and ${version} is installed. Install with: npm install "${name}@${supported}"`,
    );
    expect(load).not.toHaveBeenCalled();
  },
);

test.each([
  ['ioredis', '5.0.0'],
  ['ioredis', '6.1.0'],
  ['bullmq', '5.81.5'],
  ['bullmq', '6.7.0'],
  ['prom-client', '14.2.0'],
  ['ws', '8.23.0'],
  ['of-an-adapter-from-outside', '0.0.1'],
])('where %s %s is installed, it is loaded', async (name, version) => {
  const { loadWith } = await withInstalled(version);
  await expect(loadWith([name], 'option', 'it', () => 'loaded')).resolves.toBe('loaded');
});
