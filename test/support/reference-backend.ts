import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import type { INestApplication, ModuleMetadata } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import type { Environment } from 'nestjs-switchboard';
import { AppModule } from '../../src/app.module.js';

/** The reference backend, listening on a port of its own. */
export interface ReferenceBackend {
  readonly app: INestApplication;
  readonly url: string;
  /** Sends JSON and reads JSON. */
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** Signs a member in and returns the header that says so. */
  signIn(memberId: string): Promise<{ Authorization: string }>;
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** Starts it with nothing but the environment different; closes it after the test file. */
export async function startReferenceBackend(
  env: Environment,
  imports: NonNullable<ModuleMetadata['imports']> = [],
): Promise<ReferenceBackend> {
  const testing = await Test.createTestingModule({ imports: [AppModule.forRoot(env), ...imports] }).compile();
  const app = testing.createNestApplication({ logger: false });
  await app.listen(0, '127.0.0.1');
  const { port } = (app.getHttpServer() as { address(): AddressInfo }).address();
  const url = `http://127.0.0.1:${String(port)}`;
  const call: ReferenceBackend['call'] = async (method, path, body, headers = {}) => {
    const response = await fetch(url + path, {
      method,
      headers: { ...(body !== undefined && { 'Content-Type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.json() };
  };
  return {
    app,
    url,
    call,
    signIn: async (memberId) => {
      const { body } = await call('POST', '/session', { memberId });
      return { Authorization: `Bearer ${(body as { token: string }).token}` };
    },
  };
}
