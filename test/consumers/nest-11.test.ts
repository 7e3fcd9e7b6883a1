import { startRedis } from '../support/redis.js';
import { useProject } from './support/generate.js';
import { addsOnce, compilesAndRelays, greetsOnItsPage, hears } from './support/greeting.js';
import { SWC_JEST, TYPED, unitTest } from './support/sources.js';

// What a stranger does on the first day: `nest new`, install, `nest add`, build, start, test. The project is as `nest new` of
// Nest 11 makes it, with the packed package.

const project = useProject({
  name: 'nest-11',
  nest: 11,
  modules: 'cjs',
  adds: {
    ...{ '@nestjs/config': '^4.0.0', ws: '^8.0.0', pusher: '^5.0.0', 'pusher-js': '^8.4.0' },
    ...{ ioredis: '^5.0.0', bullmq: '^5.0.0' },
    ...{ '@swc/cli': '^0.7.0', '@swc/core': '^1.10.0', '@swc/jest': '^0.2.0', jest29: 'npm:jest@^29.7.0' },
  },
  files: {
    'src/greeting-imported.spec.ts': unitTest('', TYPED.jest),
    'jest-swc.config.js': SWC_JEST,
  },
});

compilesAndRelays(project);

test('the page of its example is greeted in every tab of a real browser', async () => {
  await greetsOnItsPage(await project.start());
});

test('its own Jest 30 with ts-jest runs a unit test with the fake', () =>
  project.run('npm test (ts-jest)', 'npm test'));

test('its own Jest 30 runs a test with the real pusher-js', () =>
  project.run('npm run test:e2e', 'npm run test:e2e'));

test('Jest 29 with ts-jest, and with @swc/jest', async () => {
  await project.run('Jest 29, ts-jest', 'node node_modules/jest29/bin/jest.js greeting');
  await project.run(
    'Jest 29, @swc/jest',
    'node node_modules/jest29/bin/jest.js -c jest-swc.config.js src/greeting',
  );
});

test('Jest 30 with @swc/jest', () =>
  project.run('Jest 30, @swc/jest', 'jest -c jest-swc.config.js greeting'));

test('a cluster and the queue, with ioredis 5 and bullmq 5', async () => {
  const redis = await startRedis();
  const environment = {
    ...{ SOCKET_CLUSTER: 'redis', SOCKET_DELIVERY: 'queue', SOCKET_REDIS_URL: redis.url },
  };
  const [one, other] = [await project.start(environment), await project.start(environment)];
  await hears(one, other, 'queued');
});

test.each(['webpack', 'swc'])('its %s builder', async (builder) => {
  await project.run(`nest build -b ${builder}`, `nest build -b ${builder}`);
  const url = await project.start();
  await hears(url);
});

test('"nest add" once more changes nothing', () => addsOnce(project));
