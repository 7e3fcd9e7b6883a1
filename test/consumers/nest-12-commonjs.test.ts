import { jest } from '@jest/globals';
import type { Consumer } from './support/consumer.js';
import { generate } from './support/generate.js';
import { relaysOnEveryProvider } from './support/greeting.js';
import { endToEndTest, PUSHER, STRICT_TSCONFIG, SWC_JEST, unitTest } from './support/sources.js';

// What a stranger does on the first day: `nest new`, install, `nest add`, build, start, test. The project is
// one of Nest 12 in CommonJS, in an empty folder, with the packed package.

/** A fresh machine loads everything from the registry. */
const SET_UP_MS = 600_000;
jest.setTimeout(300_000);

let project: Consumer;

beforeAll(async () => {
  project = await generate({
    name: 'nest-12-commonjs',
    nest: 12,
    adds: { '@nestjs/config': '^12.0.0', ws: '^8.0.0', pusher: '^5.0.0', 'pusher-js': '^8.4.0' },
    edit: async (manifest, project) => {
      Reflect.deleteProperty(manifest, 'type');
      for (const name of [
        'vitest',
        '@vitest/coverage-v8',
        'vite-tsconfig-paths',
        'oxlint',
        'oxlint-tsgolint',
        '@nestjs/mau',
      ])
        Reflect.deleteProperty(manifest.devDependencies, name);
      Object.assign(manifest.devDependencies, {
        ...{ jest: '^30.0.0', '@types/jest': '^30.0.0', '@swc/core': '^1.10.0', '@swc/jest': '^0.2.0' },
      });
      for (const file of [
        'src/main.ts',
        'src/app.module.ts',
        'src/app.controller.ts',
        'src/app.controller.spec.ts',
      ]) {
        const text = await project.read(file);
        // Without a type in package.json there is no await at the top.
        await project.write({
          [file]: text.replace(/(from '\..*)\.js'/g, "$1'").replace('await bootstrap()', 'void bootstrap()'),
        });
      }
      const tsconfig = await project.read('tsconfig.json');
      await project.write({
        'tsconfig.json': tsconfig.replace('vitest/globals', 'jest'),
        'jest.config.js': SWC_JEST,
      });
    },
  });
  await project.write({
    'tsconfig.strict.json': STRICT_TSCONFIG,
    'src/greeting.spec.ts': unitTest(''),
    'test/greeting.e2e-spec.ts': endToEndTest('', PUSHER.cjs),
  });
}, SET_UP_MS);

test('it compiles at the strictest', () =>
  project.run('tsc, at the strictest', 'npx tsc -p tsconfig.strict.json'));

test('it builds, and relays on every provider', async () => {
  await project.run('nest build', 'npx nest build');
  await relaysOnEveryProvider(project);
});

test('Jest 30 with @swc/jest, which transforms Nest too', () =>
  project.run('Jest 30, @swc/jest', 'npx jest greeting'));
