import 'reflect-metadata';
import type { DynamicModule } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { SocketConfigurationError, SocketModule, SocketUsageError } from 'nestjs-switchboard';
import { SocketTestingModule } from 'nestjs-switchboard/testing';
import { rejection } from '../../support/hosts.js';

const ENV = { env: {}, provider: 'memory' };

/** What JavaScript may call, whatever the types say. */
const { forRoot, forRootAsync } = {
  forRoot: (options: object) => SocketModule.forRoot(options),
  forRootAsync: (options: object) =>
    SocketModule.forRootAsync(options as Parameters<typeof SocketModule.forRootAsync>[0]),
};

/** The problems that the start of an application fails with. */
async function problemsOf(module: DynamicModule): Promise<readonly string[]> {
  const error = await rejection(Test.createTestingModule({ imports: [module] }).compile());
  expect(error).toBeInstanceOf(SocketConfigurationError);
  return (error as SocketConfigurationError).problems;
}

const MISSPELT = { ...ENV, gatway: { clientEvents: true }, gateway: { limits: { maxConections: 1 } } };
const LINES = [
  'gatway: is no setting; did you mean gateway?',
  'gateway.limits.maxConections: is no setting; did you mean gateway.limits.connections?',
];

test.each<[string, DynamicModule]>([
  ['forRoot', forRoot(MISSPELT)],
  ['the factory of forRootAsync', forRootAsync({ useFactory: () => MISSPELT })],
  ['the asynchronous factory of forRootAsync', forRootAsync({ useFactory: () => Promise.resolve(MISSPELT) })],
  ['SocketTestingModule.forRoot', SocketTestingModule.forRoot(MISSPELT as object)],
])(
  'misspelt options of %s stop the start, each with the name that is most likely meant',
  async (_, module) => {
    expect(await problemsOf(module)).toEqual(LINES);
  },
);

test('a path that a factory returns, where it would have no effect, stops the start', async () => {
  const module = forRootAsync({ useFactory: () => ({ ...ENV, path: 'live', gatewayPath: '/ws' }) });
  expect(await problemsOf(module)).toEqual([
    'path: must stand beside useFactory, and not in the options that it returns',
    'gatewayPath: must stand beside useFactory, and not in the options that it returns',
  ]);
});

test('a path that stands in both places is one', async () => {
  const paths = { path: 'live', gatewayPath: '/ws' };
  const module = forRootAsync({ ...paths, useFactory: () => ({ ...ENV, ...paths }) });
  const app = await Test.createTestingModule({ imports: [module] }).compile();
  await app.close();
});

test.each([
  [{ injct: [] }, 'must have no "injct"; did you mean inject?'],
  [{ provider: 'ws' }, 'must have no "provider"; there are: imports, inject, useFactory, path, gatewayPath'],
])('beside a factory, %j is refused at once', (more, message) => {
  expect(() => forRootAsync({ useFactory: () => ENV, ...more })).toThrow(
    new SocketUsageError('INVALID_ARGUMENT', `SocketModule.forRootAsync(options): options ${message}`),
  );
});
