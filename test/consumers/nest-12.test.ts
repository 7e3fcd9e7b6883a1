import { useProject } from './support/generate.js';
import { addsOnce, compilesAndRelays, greetsOnItsPage, hears } from './support/greeting.js';
import { FASTIFY_MAIN, PLAIN_VITEST, TYPED, unitTest } from './support/sources.js';

// What a stranger does on the first day: `nest new`, install, `nest add`, build, start, test. The project is as `nest new` of
// Nest 12 makes it, with the packed package.

const project = useProject({
  name: 'nest-12',
  nest: 12,
  modules: 'esm',
  adds: {
    ...{ '@nestjs/config': '^12.0.0', ws: '^8.0.0', pusher: '^5.0.0', 'pusher-js': '^8.4.0' },
    '@nestjs/platform-fastify': '^12.0.0',
  },
  files: {
    'src/greeting-imported.spec.ts': unitTest('.js', TYPED.vitest),
    'vitest.config.plain.ts': PLAIN_VITEST,
    'src/fastify.ts': FASTIFY_MAIN,
  },
});

compilesAndRelays(project);

test('the page of its example is greeted in every tab of a real browser', async () => {
  await greetsOnItsPage(await project.start());
});

test('on Fastify', async () => {
  await hears(await project.start({}, 'fastify'));
});

test('its own Vitest runs a unit test with the fake', () => project.run('npm test (vitest)', 'npm test'));

test('its own Vitest runs a test with the real pusher-js', () =>
  project.run('npm run test:e2e', 'npm run test:e2e'));

test('Vitest without globals', () =>
  project.run('vitest, no globals', 'vitest run --config vitest.config.plain.ts'));

test('"nest add" once more changes nothing', () => addsOnce(project));
