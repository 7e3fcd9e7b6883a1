import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import { type INestApplication, Logger, Module, type ModuleMetadata } from '@nestjs/common';
import { type AbstractHttpAdapter, NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test, type TestingModuleBuilder } from '@nestjs/testing';
import { jest } from '@jest/globals';
import {
  type HttpRequest,
  type Identity,
  SocketModule,
  type SocketModuleOptions,
  type SocketModulePaths,
  SocketService,
} from 'nestjs-switchboard';
import { SocketFake, SocketTestingModule } from 'nestjs-switchboard/testing';
import { onTeardown } from './teardown.js';

type Imports = NonNullable<ModuleMetadata['imports']>;
type Options = SocketModuleOptions & SocketModulePaths;

/** Who calls, in these tests: what the header `x-member` says. */
export function identify({ headers }: HttpRequest): Identity | null {
  const id = headers['x-member'];
  return typeof id === 'string' ? { id, info: { name: id.toUpperCase() } } : null;
}

/** The HTTP frameworks that the module has to work over. */
export const FRAMEWORKS = {
  express: () => new ExpressAdapter(),
  fastify: () => new FastifyAdapter() as AbstractHttpAdapter,
};

export interface Host {
  readonly app: INestApplication;
  /** Where it listens, without a slash at the end. */
  readonly url: string;
}

export interface HostParts {
  readonly imports?: Imports;
  readonly providers?: ModuleMetadata['providers'];
  readonly httpAdapter?: AbstractHttpAdapter;
  /** Runs before the application is started. */
  readonly prepare?: (app: INestApplication) => void;
}

/** Starts an application that has `SocketModule` with these options, and closes it after the test. */
export function startHost(options: Options, parts: HostParts = {}): Promise<Host> {
  const socketModule = SocketModule.forRoot({ env: {}, identify, ...options });
  return startHostOf({ ...parts, imports: [socketModule, ...(parts.imports ?? [])] });
}

/** Starts an application of these modules, and closes it after the test. */
export async function startHostOf(parts: HostParts): Promise<Host> {
  const { httpAdapter = FRAMEWORKS.express(), prepare } = parts;
  const app = await NestFactory.create(hostModule(parts), httpAdapter, {
    logger: false,
    abortOnError: false,
  });
  onTeardown(() => app.close());
  prepare?.(app);
  await app.listen(0, '127.0.0.1');
  const { port } = (app.getHttpServer() as { address(): AddressInfo }).address();
  return { app, url: `http://127.0.0.1:${port}` };
}

export interface FakeHost {
  readonly app: INestApplication;
  readonly fake: SocketFake;
  readonly service: SocketService;
}

/** Starts an application over the fake, without a port, and closes it after the test. */
export function startFake(options: Options = {}, parts: HostParts = {}): Promise<FakeHost> {
  const socketModule = SocketTestingModule.forRoot({ env: {}, identify, ...options });
  return startFakeOf({ ...parts, imports: [socketModule, ...(parts.imports ?? [])] });
}

/** The same for an application that brings its own modules. */
export async function startFakeOf(
  parts: HostParts,
  change: (builder: TestingModuleBuilder) => TestingModuleBuilder = (builder) => builder,
): Promise<FakeHost> {
  const module = await change(Test.createTestingModule({ imports: [hostModule(parts)] })).compile();
  const app = module.createNestApplication({ logger: false });
  onTeardown(() => app.close());
  await app.init();
  return { app, fake: app.get(SocketFake), service: app.get(SocketService) };
}

function hostModule({ imports = [], providers = [] }: HostParts) {
  @Module({ imports, providers })
  class HostModule {}
  return HostModule;
}

/** What is logged from now on, at one level; nothing of it reaches the terminal. */
export function logged(level: 'log' | 'warn' | 'error'): { readonly lines: readonly string[] } {
  const lines: string[] = [];
  const spy = jest.spyOn(Logger.prototype, level).mockImplementation((message: unknown) => {
    lines.push(String(message));
  });
  onTeardown(() => {
    spy.mockRestore();
  });
  return { lines };
}

/** What a promise rejects with; fails when it does not. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`Expected a rejection, but it resolved with ${JSON.stringify(value)}`);
}
