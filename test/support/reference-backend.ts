import 'reflect-metadata';
import type { INestApplication, ModuleMetadata } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import type { Environment } from 'nestjs-switchboard';
import { AppModule } from '../../src/reference/app.module.js';
import { MembersRepository } from '../../src/reference/members/members.repository.js';
import { Sessions } from '../../src/reference/sessions/sessions.js';
import { Topology } from './topology.js';

/** The reference backend, listening on a port of its own. */
export interface ReferenceBackend {
  /** The application; with several nodes, the first of them. */
  readonly app: INestApplication;
  readonly url: string;
  close(): Promise<void>;
  /** Sends JSON and reads JSON. */
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** Signs a member in and returns the header that says so. */
  signIn(memberId: string): Promise<{ Authorization: string }>;
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** Starts it with nothing but the environment different; whoever does closes it. */
export async function startReferenceBackend(
  env: Environment,
  imports: NonNullable<ModuleMetadata['imports']> = [],
): Promise<ReferenceBackend> {
  const topology = new Topology();
  await topology.start({ env }, async (cluster) => {
    const builder = Test.createTestingModule({
      imports: [AppModule.forRoot({ ...env, ...cluster }), ...imports],
    });
    // In production they are in a database, which all nodes have in common.
    const [first] = topology.apps;
    for (const shared of first === undefined ? [] : [Sessions, MembersRepository]) {
      builder.overrideProvider(shared).useValue(first?.get(shared));
    }
    return (await builder.compile()).createNestApplication({ logger: false });
  });
  const { first: app, url } = topology;
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
    close: () => topology.close(),
    call,
    signIn: async (memberId) => {
      const { body } = await call('POST', '/session', { memberId });
      return { Authorization: `Bearer ${(body as { token: string }).token}` };
    },
  };
}
