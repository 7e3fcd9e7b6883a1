import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import { Module, type INestApplication, type ModuleMetadata } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { AbstractHttpAdapter } from '@nestjs/core';
import {
  type ISocketClient,
  SocketModule,
  type SocketModuleOptions,
  type SocketModulePaths,
} from 'nestjs-switchboard';
import { SocketRuntime } from '../../src/modules/socket/socket-runtime.js';

/** A host application that is nothing but `SocketModule`. Its callers say who they are in a header. */
export interface SocketApp {
  readonly app: INestApplication;
  readonly client: ISocketClient;
  readonly runtime: SocketRuntime;
  readonly port: number;
  readonly url: string;
  close(): Promise<void>;
}

export async function startSocketApp(
  options: SocketModuleOptions &
    SocketModulePaths & { imports?: ModuleMetadata['imports']; providers?: ModuleMetadata['providers'] } = {},
  httpAdapter?: AbstractHttpAdapter,
): Promise<SocketApp> {
  const { imports = [], providers = [], ...socketOptions } = options;

  @Module({
    imports: [
      SocketModule.forRoot({
        env: {},
        identify: ({ headers }) => {
          const id = headers['x-member'];
          return typeof id === 'string' ? { id, info: { name: id.toUpperCase() } } : null;
        },
        ...socketOptions,
      }),
      ...imports,
    ],
    providers,
  })
  class HostModule {}

  const app =
    httpAdapter === undefined
      ? await NestFactory.create(HostModule, { logger: false, abortOnError: false })
      : await NestFactory.create(HostModule, httpAdapter, { logger: false, abortOnError: false });
  await app.listen(0, '127.0.0.1');
  const { port } = (app.getHttpServer() as { address(): AddressInfo }).address();
  const runtime = app.get(SocketRuntime);
  return {
    app,
    client: runtime.client,
    runtime,
    port,
    url: `http://127.0.0.1:${String(port)}`,
    close: () => app.close(),
  };
}
