import { useProject } from './support/generate.js';
import { compilesAndRelays } from './support/greeting.js';
import { SWC_JEST } from './support/sources.js';

// What a stranger does on the first day: `nest new`, install, `nest add`, build, start, test. The project is one of Nest 12 in
// CommonJS, with the packed package.

const project = useProject({
  name: 'nest-12-commonjs',
  nest: 12,
  modules: 'cjs',
  adds: { '@nestjs/config': '^12.0.0', ws: '^8.0.0', pusher: '^5.0.0', 'pusher-js': '^8.4.0' },
  edit: async (manifest, project) => {
    Reflect.deleteProperty(manifest, 'type');
    for (const name of ['vitest', 'vite-tsconfig-paths'])
      Reflect.deleteProperty(manifest.devDependencies, name);
    Object.assign(manifest.devDependencies, {
      ...{ jest: '^30.0.0', '@types/jest': '^30.0.0', '@swc/core': '^1.10.0', '@swc/jest': '^0.2.0' },
    });
    for (const file of ['main.ts', 'app.module.ts', 'app.controller.ts', 'app.controller.spec.ts']) {
      const text = await project.read(`src/${file}`);
      // Without a type in package.json there is no await at the top.
      await project.write({
        [`src/${file}`]: text
          .replace(/(from '\..*)\.js'/g, "$1'")
          .replace('await bootstrap()', 'void bootstrap()'),
      });
    }
    const tsconfig = await project.read('tsconfig.json');
    await project.write({ 'tsconfig.json': tsconfig.replace('vitest/globals', 'jest') });
  },
  files: { 'jest.config.js': SWC_JEST },
});

compilesAndRelays(project);

test('Jest 30 with @swc/jest, which transforms Nest too', () =>
  project.run('Jest 30, @swc/jest', 'jest greeting'));
