import type { Server as HttpServer } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import type { INestApplication } from '@nestjs/common';
import type { SocketModuleOptions, SocketModulePaths } from 'nestjs-switchboard';
import { connect, type SwitchboardSocket } from 'nestjs-switchboard/browser';
import { SocketRuntime } from '../../src/runtime/socket-runtime.js';
import { DEVELOPMENT_APP } from '../../src/settings/app.js';
import { Pusher } from './pusher-browser.js';
import { RawClient } from './raw-client.js';
import { onTeardown } from './teardown.js';
import { Engines, type Topology } from './topology.js';
import { type HostParts, startTopology } from './topology-node.js';

/** The parts of a test's host application besides `SocketModule`, and the settings of that. */
export interface HostOptions extends SocketModuleOptions, SocketModulePaths, HostParts {}

/** A host application on the native gateway, closed after the test. Its callers say who they are in a header. */
export class Host {
  readonly app = DEVELOPMENT_APP;
  readonly engines: Engines;

  private constructor(readonly topology: Topology) {
    this.engines = new Engines(topology);
  }

  static async start({
    imports,
    providers,
    httpAdapter,
    prepare,
    ...options
  }: HostOptions = {}): Promise<Host> {
    const parts = { imports, providers, httpAdapter, prepare };
    return new Host(await startTopology({ provider: 'ws', ...options }, parts, onTeardown));
  }

  /** The application; with several nodes, the first of them. */
  get nest(): INestApplication {
    return this.topology.first;
  }

  /** The first node's. */
  get server(): HttpServer {
    return this.nest.getHttpServer() as HttpServer;
  }

  /** The first node's. */
  get runtime(): SocketRuntime {
    return this.nest.get(SocketRuntime);
  }

  get port(): number {
    return this.topology.port;
  }

  get url(): string {
    return this.topology.url;
  }

  /** Stops it before the test ends. */
  close(): Promise<void> {
    return this.topology.close();
  }

  /** A plain WebSocket to any path; the gateway's own with everything a client has to say, unless told otherwise. */
  raw(path = `/app/${this.app.key}?protocol=7&client=js&version=8.6.0`): RawClient {
    return RawClient.open(`ws://127.0.0.1:${this.port}${path}`);
  }

  /** A member's browser: the real `pusher-js`, signed in and on the broadcast channel. */
  async browser(memberId: string, path = '/socket'): Promise<SwitchboardSocket<Pusher>> {
    const socket = await connect(Pusher, { url: this.url, path, headers: { 'x-member': memberId } });
    onTeardown(() => {
      socket.disconnect();
    });
    return socket;
  }
}

/** The port a server listens on. */
export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
