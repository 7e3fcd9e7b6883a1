import type { SchematicContext, TaskConfigurationGenerator, Tree } from '@angular-devkit/schematics';
import { nestAdd } from '../../src/schematics/nest-add/nest-add.js';

// The schematic on files in memory. The projects of consumers run it on disk, as the Nest CLI of each version does.

const MAIN = `
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';

const app = await NestFactory.create(AppModule);
await app.listen(3000);
`;
const MODULE = `
import { Module } from '@nestjs/common';

@Module({
  imports: [],
  controllers: [],
})
export class AppModule {}
`;
const MANIFEST = { dependencies: { '@nestjs/core': '^12.0.1', 'nestjs-switchboard': '^0.1.0' } };

/** The part of the devkit's tree that the schematic uses. Jest cannot load the devkit itself before Node 24.9. */
class Files {
  readonly #files: Map<string, string>;

  constructor(files: Readonly<Record<string, string>>) {
    this.#files = new Map(Object.entries(files).filter(([, text]) => text !== ''));
  }

  get paths(): string[] {
    return [...this.#files.keys()].sort();
  }

  get all(): readonly (readonly [string, string])[] {
    return [...this.#files];
  }

  exists(path: string): boolean {
    return this.#files.has(path);
  }

  readText(path: string): string {
    const text = this.#files.get(path);
    if (text === undefined) throw new Error(`There is no ${path}`);
    return text;
  }

  readJson(path: string): unknown {
    return JSON.parse(this.readText(path));
  }

  create(path: string, text: string): void {
    if (this.exists(path)) throw new Error(`${path} is there already`);
    this.#files.set(path, text);
  }

  overwrite(path: string, text: string): void {
    this.readText(path);
    this.#files.set(path, text);
  }
}

interface Run {
  readonly tree: Files;
  readonly told: string;
  /** The names of the tasks that the CLI does afterwards. */
  readonly tasks: readonly string[];
}

/** A project's files, by path; an empty text takes one away. */
function project(files: Readonly<Record<string, string>> = {}): Files {
  return new Files({
    'package.json': JSON.stringify(MANIFEST),
    'src/main.ts': MAIN,
    'src/app.module.ts': MODULE,
    ...files,
  });
}

function add(tree: Files, options: Partial<Parameters<typeof nestAdd>[0]> = {}): Run {
  const lines: string[] = [];
  const tasks: string[] = [];
  const context = {
    logger: { info: (line: string) => void lines.push(line) },
    addTask: (task: TaskConfigurationGenerator) => void tasks.push(task.toConfiguration().name),
  };
  const rule = nestAdd({ provider: 'ws', sourceRoot: 'src', skipInstall: false, ...options });
  void rule(tree as unknown as Tree, context as unknown as SchematicContext);
  return { tree, told: lines.join('\n'), tasks };
}

test('imports the module, with an identify, and lists the example', () => {
  const { tree } = add(project());
  expect(tree.readText('src/app.module.ts')).toBe(`
import { Module } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { SocketModule } from 'nestjs-switchboard';
import { identify } from './realtime/identify.js';
import { GreetingController } from './realtime/greeting.controller.js';

@Module({
  imports: [ConfigModule.forRoot(), SocketModule.forRoot({ identify })],
  controllers: [GreetingController],
})
export class AppModule {}
`);
  expect(tree.paths.filter((path) => path.startsWith('src/realtime/'))).toEqual([
    'src/realtime/events.ts',
    'src/realtime/greeting.controller.ts',
    'src/realtime/greeting.page.ts',
    'src/realtime/identify.ts',
  ]);
});

test.each([
  {
    shape: 'on several lines',
    list: '[\n    A,\n    B,\n  ]',
    becomes: '[\n    A,\n    B,\n    ConfigModule.forRoot(),\n    SocketModule.forRoot({ identify }),\n  ]',
  },
  {
    shape: 'on one line',
    list: '[A, B.forRoot({ c: [] })]',
    becomes: '[A, B.forRoot({ c: [] }), ConfigModule.forRoot(), SocketModule.forRoot({ identify })]',
  },
])('keeps the shape of a list $shape', ({ list, becomes }) => {
  const { tree } = add(project({ 'src/app.module.ts': MODULE.replace('imports: []', `imports: ${list}`) }));
  expect(tree.readText('src/app.module.ts')).toContain(`  imports: ${becomes},\n`);
});

test('adds the lists that a module does not have', () => {
  const { tree } = add(project({ 'src/app.module.ts': MODULE.replace(/@Module\([^)]+\)/, '@Module({})') }));
  const text = tree.readText('src/app.module.ts');
  expect(text).toContain('  imports: [ConfigModule.forRoot(), SocketModule.forRoot({ identify })],');
  expect(text).toContain('  controllers: [GreetingController],');
});

test('finds the module by what main.ts starts, and imports as main.ts does', () => {
  const { tree } = add(
    project({
      'src/main.ts': MAIN.replace('./app.module.js', './shop/root').replaceAll('AppModule', 'Root'),
      'src/app.module.ts': '',
      'src/shop/root.ts': MODULE.replace('AppModule', 'Root'),
    }),
  );
  expect(tree.readText('src/shop/root.ts')).toContain("from './realtime/identify';");
  expect(tree.exists('src/shop/realtime/identify.ts')).toBe(true);
});

test('goes into the application of a monorepo that the CLI names', () => {
  const { tree } = add(project({ 'apps/shop/src/main.ts': MAIN, 'apps/shop/src/app.module.ts': MODULE }), {
    sourceRoot: 'apps/shop/src',
  });
  expect(tree.readText('apps/shop/src/app.module.ts')).toContain('SocketModule');
  expect(tree.readText('src/app.module.ts')).toBe(MODULE);
});

test('changes nothing the second time', () => {
  const { tree } = add(project());
  const before = tree.all;
  const { told, tasks } = add(tree);
  expect(tree.all).toEqual(before);
  expect(told).toBe('src/app.module.ts has SocketModule already, so it stays as it is.');
  expect(tasks).toEqual([]);
});

test('writes the variables that .env does not set, and leaves the others', () => {
  const { tree } = add(project({ '.env': 'PORT=4000\nSOCKET_APP_KEY=mine' }));
  const text = tree.readText('.env');
  expect(text).toMatch(
    /^PORT=4000\nSOCKET_APP_KEY=mine\n\n# .+\nSOCKET_PROVIDER=ws\nSOCKET_APP_ID=app\nSOCKET_APP_SECRET=[0-9a-f]{40}\n$/,
  );
});

test.each([
  { provider: 'ws' as const, env: /^SOCKET_PROVIDER=ws$/m },
  {
    provider: 'pusher' as const,
    env: /^SOCKET_PROVIDER=pusher\nSOCKET_APP_ID=\nSOCKET_APP_KEY=\nSOCKET_APP_SECRET=\nPUSHER_CLUSTER=$/m,
  },
])('adds the package of the provider "$provider", and its variables', ({ provider, env }) => {
  const { tree, tasks } = add(project(), { provider });
  const { dependencies, devDependencies } = tree.readJson('package.json') as Record<
    string,
    Record<string, string>
  >;
  expect(Object.keys(dependencies ?? {})).toContain(provider);
  expect(Object.keys(devDependencies ?? {})).toEqual(['pusher-js']);
  expect(tree.readText('.env')).toMatch(env);
  expect(tasks).toEqual(['node-package']);
});

test.each([
  { how: 'dotenv', files: { 'package.json': JSON.stringify({ devDependencies: { dotenv: '^17.0.0' } }) } },
  {
    how: 'a flag',
    files: { 'package.json': JSON.stringify({ scripts: { start: 'nest start --env-file .env' } }) },
  },
  {
    how: 'a ConfigModule',
    files: { 'src/app.module.ts': MODULE.replace('imports: []', 'imports: [ConfigModule.forRoot()]') },
  },
])('leaves it to the application to read .env where it does so by $how', ({ files }) => {
  const { tree } = add(project(files));
  const text = tree.readText('src/app.module.ts');
  expect(text.split('ConfigModule')).toHaveLength(files['src/app.module.ts'] === undefined ? 1 : 2);
  expect(text).toContain('SocketModule.forRoot({ identify })]');
});

test('takes @nestjs/config 4 beside Nest 11', () => {
  const manifest = JSON.stringify({ dependencies: { '@nestjs/core': '^11.0.1' } });
  const { tree } = add(project({ 'package.json': manifest }));
  expect(tree.readJson('package.json')).toMatchObject({ dependencies: { '@nestjs/config': '^4.0.0' } });
});

test('installs nothing where that is to be skipped', () => {
  expect(add(project(), { skipInstall: true }).tasks).toEqual([]);
});

describe('says what is wrong', () => {
  test.each([
    {
      with: 'a folder that is no application',
      files: { 'src/main.ts': '' },
      says: /^There is no src\/main\.ts.+--project <name>$/,
    },
    {
      with: 'a main.ts that starts nothing it knows',
      files: { 'src/main.ts': 'export {};' },
      says: /^src\/main\.ts does not start a module.+by hand\.$/,
    },
    {
      with: 'imports that are no plain list',
      files: { 'src/app.module.ts': MODULE.replace('imports: []', 'imports: modules()') },
      says: /^The imports of AppModule in src\/app\.module\.ts are not a plain list\. Add this to them by hand: /,
    },
    {
      with: 'no package.json',
      files: { 'package.json': '' },
      says: /^There is no package\.json here\./,
    },
  ])('with $with', ({ files, says }) => {
    expect(() => add(project(files as unknown as Record<string, string>))).toThrow(says);
  });
});
