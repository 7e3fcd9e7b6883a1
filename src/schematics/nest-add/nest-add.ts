import { dirname, join } from 'node:path/posix';
import type { Rule, Tree } from '@angular-devkit/schematics';
import { type AppModule, findAppModule } from './app-module.js';
import { addEnvironment } from './environment.js';
import { exampleFiles } from './example-files.js';
import { addEntry, type Entry } from './module-edit.js';
import type { NestAddOptions } from './options.js';
import { addPackages, readsEnvFile } from './packages.js';
import { loadTypeScript } from './typescript.js';

/**
 * `nest add nestjs-switchboard`: puts the import into the application module, and adds the packages, the variables and an
 * example. Each of them stays as it is where it is there already, so that a second run changes nothing.
 *
 * The devkit's functions are not imported: the Nest CLI brings the devkit, and this package does not depend on it.
 */
export function nestAdd({ provider, sourceRoot, skipInstall }: NestAddOptions): Rule {
  return (tree, context) => {
    const ts = loadTypeScript();
    const appModule = findAppModule(ts, tree, sourceRoot);
    const before = tree.readText(appModule.path);
    const isNew = !before.includes('SocketModule');
    const config = isNew && !before.includes('ConfigModule') && !readsEnvFile(tree);
    if (isNew) {
      const add = (text: string, entry: Entry) => addEntry(ts, appModule, text, entry);
      tree.overwrite(appModule.path, entriesFor(appModule, config).reduce(add, before));
      addExample(tree, appModule);
    }
    const installs = addPackages(tree, provider, { config, example: isNew });
    addEnvironment(tree, provider);
    if (installs && !skipInstall) {
      // This is the configuration that the devkit's `NodePackageInstallTask` makes.
      context.addTask({
        toConfiguration: () => ({ name: 'node-package', options: { command: 'install', quiet: true } }),
      });
    }
    const report = isNew
      ? nextSteps(provider, dirname(appModule.path))
      : [`${appModule.path} has SocketModule already, so it stays as it is.`];
    for (const line of report) context.logger.info(line);
  };
}

function entriesFor({ suffix }: AppModule, config: boolean): Entry[] {
  const entries: Entry[] = [
    {
      list: 'imports',
      code: 'SocketModule.forRoot({ identify })',
      from: { SocketModule: 'nestjs-switchboard', identify: `./realtime/identify${suffix}` },
    },
    {
      list: 'controllers',
      code: 'GreetingController',
      from: { GreetingController: `./realtime/greeting.controller${suffix}` },
    },
  ];
  // It reads `.env`, which Nest does not by itself.
  if (config)
    entries.unshift({
      list: 'imports',
      code: 'ConfigModule.forRoot()',
      from: { ConfigModule: '@nestjs/config' },
    });
  return entries;
}

function addExample(tree: Tree, { path, suffix }: AppModule): void {
  for (const [name, content] of Object.entries(exampleFiles(suffix))) {
    const file = join(dirname(path), name);
    if (!tree.exists(file)) tree.create(file, content);
  }
}

function nextSteps(provider: NestAddOptions['provider'], folder: string): string[] {
  return [
    '',
    ...(provider === 'pusher' ? ['Write the credentials of your Pusher app into .env.'] : []),
    'Start the application, and open /greeting: a button there relays an event to every tab.',
    `${folder}/realtime/identify.ts says who is calling. It believes the browser: put your own check there.`,
    '.env has a secret, so keep it out of git.',
    'A front-end of its own needs two packages: npm install nestjs-switchboard pusher-js',
  ];
}
