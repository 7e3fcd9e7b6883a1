import 'reflect-metadata';
import { jest } from '@jest/globals';
import { type INestApplication, Logger, Module } from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test, type TestingModuleBuilder } from '@nestjs/testing';
import { type SocketModuleOptions, type SocketModulePaths, SocketService } from 'nestjs-switchboard';
import { SocketFake, SocketTestingModule } from 'nestjs-switchboard/testing';
import { onTeardown } from './teardown.js';
import type { Topology } from './topology.js';
import { type HostParts, identify, startTopology } from './topology-node.js';

export { type HostParts, identify };

type Options = SocketModuleOptions & SocketModulePaths;

/** The HTTP frameworks that the module has to work over. */
export const FRAMEWORKS = {
  express: () => new ExpressAdapter(),
  fastify: () => new FastifyAdapter() as AbstractHttpAdapter,
};

export interface Host {
  /** The application; with several nodes, the first of them. */
  readonly app: INestApplication;
  readonly topology: Topology;
  /** Where it listens, without a slash at the end. */
  readonly url: string;
  /** Stops it before the test ends. */
  close(): Promise<void>;
}

/** Starts an application that has `SocketModule` with these options, and closes it after the test. */
export async function startHost(options: Options, parts: HostParts = {}): Promise<Host> {
  const topology = await startTopology(options, parts, onTeardown);
  return { app: topology.first, topology, url: topology.url, close: () => topology.close() };
}

type FakeParts = Pick<HostParts, 'imports' | 'providers'>;

export interface FakeHost {
  readonly app: INestApplication;
  readonly fake: SocketFake;
  readonly service: SocketService;
}

/** Starts an application over the fake, without a port, and closes it after the test. */
export function startFake(options: Options = {}, parts: FakeParts = {}): Promise<FakeHost> {
  const socketModule = SocketTestingModule.forRoot({ env: {}, identify, ...options });
  return startFakeOf({ ...parts, imports: [socketModule, ...(parts.imports ?? [])] });
}

/** The same for an application that brings its own modules. */
export async function startFakeOf(
  parts: FakeParts,
  change: (builder: TestingModuleBuilder) => TestingModuleBuilder = (builder) => builder,
): Promise<FakeHost> {
  const module = await change(Test.createTestingModule({ imports: [hostModule(parts)] })).compile();
  const app = module.createNestApplication({ logger: false });
  onTeardown(() => app.close());
  await app.init();
  return { app, fake: app.get(SocketFake), service: app.get(SocketService) };
}

function hostModule({ imports = [], providers = [] }: FakeParts) {
  @Module({ imports, providers })
  class HostModule {}
  return HostModule;
}

/** Collects the lines that are logged from now on, at one level; none of them reaches the terminal. */
export function logged(level: 'debug' | 'log' | 'warn' | 'error'): { readonly lines: readonly string[] } {
  const lines: string[] = [];
  const spy = jest.spyOn(Logger.prototype, level).mockImplementation((message: unknown) => {
    lines.push(String(message));
  });
  onTeardown(() => {
    spy.mockRestore();
  });
  return { lines };
}

/** The error that a promise rejects with; fails when it does not reject. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`Expected a rejection, but it resolved with ${JSON.stringify(value)}`);
}
