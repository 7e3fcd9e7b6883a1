import { jest } from '@jest/globals';
import type { Consumer } from './support/consumer.js';
import { generate } from './support/generate.js';
import { addsOnce, greetsOnItsPage, hears, relaysOnEveryProvider } from './support/greeting.js';
import {
  endToEndTest,
  FASTIFY_MAIN,
  nodeTest,
  PUSHER,
  STRICT_TSCONFIG,
  TYPED,
  unitTest,
} from './support/sources.js';

// What a stranger does on the first day: `nest new`, install, `nest add`, build, start, test. The project is
// as `nest new` of Nest 12 makes it, in an empty folder, with the packed package.

/** A fresh machine loads everything from the registry. */
const SET_UP_MS = 600_000;
jest.setTimeout(300_000);

let project: Consumer;

beforeAll(async () => {
  project = await generate({
    name: 'nest-12',
    nest: 12,
    adds: {
      ...{ '@nestjs/config': '^12.0.0', ws: '^8.0.0', pusher: '^5.0.0', 'pusher-js': '^8.4.0' },
      '@nestjs/platform-fastify': '^12.0.0',
    },
  });
  const config = await project.read('vitest.config.ts');
  await project.write({
    'tsconfig.strict.json': STRICT_TSCONFIG,
    'src/greeting.spec.ts': unitTest('.js', TYPED.globals),
    'src/greeting-imported.spec.ts': unitTest('.js', TYPED.vitest),
    'src/greeting.node.ts': nodeTest('.js'),
    'test/greeting.e2e-spec.ts': endToEndTest('.js', PUSHER.esm),
    'vitest.config.plain.ts': config
      .replace('globals: true', 'globals: false')
      .replace('**/*.spec.ts', '**/*-imported.spec.ts'),
    'src/fastify.ts': FASTIFY_MAIN,
  });
}, SET_UP_MS);

test('it compiles at the strictest, with the events checked in the matchers of both kinds of expect', () =>
  project.run('tsc, at the strictest', 'npx tsc -p tsconfig.strict.json'));

test('it builds, and relays on every provider', async () => {
  await project.run('nest build', 'npx nest build');
  await relaysOnEveryProvider(project);
});

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
  project.run('vitest, no globals', 'npx vitest run --config vitest.config.plain.ts'));

test('node:test', () => project.run('node --test', 'node --test dist/greeting.node.js'));

test('"nest add" once more changes nothing', () => addsOnce(project));
