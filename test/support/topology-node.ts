import 'reflect-metadata';
import {
  type INestApplication,
  Module,
  type ModuleMetadata,
  type NestApplicationOptions,
} from '@nestjs/common';
import { type AbstractHttpAdapter, NestFactory } from '@nestjs/core';
import {
  type Environment,
  type HttpRequest,
  type Identity,
  SocketModule,
  type SocketModuleOptions,
  type SocketModulePaths,
} from 'nestjs-switchboard';
import { Topology } from './topology.js';

/** The parts of a test's host application besides `SocketModule`. With several nodes every one of them is made so. */
export interface HostParts {
  readonly imports?: ModuleMetadata['imports'] | undefined;
  readonly providers?: ModuleMetadata['providers'] | undefined;
  readonly httpAdapter?: (() => AbstractHttpAdapter) | undefined;
  /** The options of `NestFactory.create`. */
  readonly settings?: NestApplicationOptions | undefined;
  /** The work of its `main.ts` before it listens. */
  readonly prepare?: ((app: INestApplication) => void) | undefined;
}

/** The caller, in these tests: the value of the header `x-member`, where it need not be percent-encoded. */
export function identify({ headers }: HttpRequest): Identity | null {
  const member = headers['x-member'];
  if (typeof member !== 'string') return null;
  const id = decodeURIComponent(member);
  return { id, info: { name: id.toUpperCase() } };
}

/**
 * Starts a host application that has `SocketModule` with these options, and nothing of this process's environment.
 *
 * @param released is given what closes it, before there is anything to close
 */
export async function startTopology(
  options: SocketModuleOptions & SocketModulePaths,
  { prepare, ...parts }: HostParts,
  released: (close: () => Promise<void>) => void = () => undefined,
): Promise<Topology> {
  const topology = new Topology();
  released(() => topology.close());
  const create = (cluster: Environment) =>
    createNode({ identify, ...options, env: { ...options.env, ...cluster } }, parts);
  await topology.start(options, create, prepare);
  return topology;
}

function createNode(
  options: SocketModuleOptions & SocketModulePaths,
  { imports = [], providers, httpAdapter, settings: own }: HostParts,
): Promise<INestApplication> {
  @Module({ imports: [SocketModule.forRoot(options), ...imports], ...(providers && { providers }) })
  class HostModule {}

  const settings = { logger: false, abortOnError: false, ...own } as const;
  return httpAdapter === undefined
    ? NestFactory.create(HostModule, settings)
    : NestFactory.create(HostModule, httpAdapter(), settings);
}
