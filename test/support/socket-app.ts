import type { INestApplication, ModuleMetadata } from '@nestjs/common';
import type { ISocketClient, SocketModuleOptions, SocketModulePaths } from 'nestjs-switchboard';
import { SocketRuntime } from '../../src/runtime/socket-runtime.js';
import { Engines, type Topology } from './topology.js';
import { startTopology } from './topology-node.js';

/** A host application that is nothing but `SocketModule`. Its callers say who they are in a header. */
export interface SocketApp {
  /** The application; with several nodes, the first of them. So are its client and its runtime. */
  readonly app: INestApplication;
  readonly client: ISocketClient;
  readonly runtime: SocketRuntime;
  readonly topology: Topology;
  readonly engines: Engines;
  readonly port: number;
  readonly url: string;
  close(): Promise<void>;
}

/** Starts it; whoever does closes it. */
export async function startSocketApp(
  options: SocketModuleOptions & SocketModulePaths & Pick<ModuleMetadata, 'imports' | 'providers'> = {},
): Promise<SocketApp> {
  const { imports, providers, ...socketOptions } = options;
  const topology = await startTopology(socketOptions, { imports, providers });
  const { first: app, port, url } = topology;
  const runtime = app.get(SocketRuntime);
  return {
    app,
    client: runtime.client,
    runtime,
    topology,
    engines: new Engines(topology),
    port,
    url,
    close: () => topology.close(),
  };
}
