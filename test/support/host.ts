import 'reflect-metadata';
import type { AddressInfo, Server } from 'node:net';
import type { Server as HttpServer } from 'node:http';
import { Module, type INestApplication, type Provider } from '@nestjs/common';
import { type AbstractHttpAdapter, NestFactory } from '@nestjs/core';
import { SocketModule, type SocketModuleOptions, type SocketModulePaths } from 'nestjs-switchboard';
import { connect, type SwitchboardSocket } from 'nestjs-switchboard/browser';
import { DEVELOPMENT_APP } from '../../src/config/socket-config.js';
import { SocketRuntime } from '../../src/modules/socket/socket-runtime.js';
import { Pusher } from './pusher-browser.js';
import { RawClient } from './raw-client.js';
import { onTeardown } from './teardown.js';

/** What a test's host application has besides `SocketModule`. */
export interface HostOptions extends SocketModuleOptions, SocketModulePaths {
  readonly providers?: Provider[];
  readonly httpAdapter?: AbstractHttpAdapter;
  /** What its `main.ts` does before it listens. */
  readonly prepare?: (app: INestApplication) => void;
}

/** A host application on the native gateway, closed after the test. Its callers say who they are in a header. */
export class Host {
  readonly app = DEVELOPMENT_APP;

  private constructor(
    readonly nest: INestApplication,
    readonly server: HttpServer,
    readonly port: number,
  ) {}

  static async start({ providers = [], httpAdapter, prepare, ...options }: HostOptions = {}): Promise<Host> {
    @Module({
      imports: [
        SocketModule.forRoot({
          env: {},
          provider: 'ws',
          identify: ({ headers }) => {
            const id = headers['x-member'];
            return typeof id === 'string' ? { id, info: { name: id.toUpperCase() } } : null;
          },
          ...options,
        }),
      ],
      providers,
    })
    class HostModule {}

    const settings = { logger: false, abortOnError: false } as const;
    const nest =
      httpAdapter === undefined
        ? await NestFactory.create(HostModule, settings)
        : await NestFactory.create(HostModule, httpAdapter, settings);
    onTeardown(() => nest.close());
    prepare?.(nest);
    await nest.listen(0, '127.0.0.1');
    const server = nest.getHttpServer() as HttpServer;
    return new Host(nest, server, portOf(server));
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get runtime(): SocketRuntime {
    return this.nest.get(SocketRuntime);
  }

  /** Stops it before the test ends. */
  close(): Promise<void> {
    return this.nest.close();
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
