import { blockThatBegins } from '../../docs/support/page.js';

// The files that a user writes into a project which `nest add` has prepared.

/** How a unit test gets `expect`. */
export const TYPED = {
  globals: '',
  jest: `import { describe, expect, it } from '@jest/globals';`,
  vitest: `import { describe, expect, it } from 'vitest';\nimport { socketMatchers } from 'nestjs-switchboard/testing';\nexpect.extend(socketMatchers);`,
};

/** Events that a page declares, beside those that `nest add` declares for the backend. */
export const BROWSER_EVENTS = `
import 'nestjs-switchboard/browser';

declare module 'nestjs-switchboard/browser' {
  interface SocketEvents {
    GREETING_SEEN: { by: number };
  }
}
`;

/** A unit test with the fake. The wrong calls are the compiler's to find. @param header its imports from the test runner */
export function unitTest(suffix: string, header = ''): string {
  return `${header}
import { Test } from '@nestjs/testing';
import { SocketService } from 'nestjs-switchboard';
import { SocketFake, SocketTestingModule } from 'nestjs-switchboard/testing';
import { AppModule } from './app.module${suffix}';
import './browser-events${suffix}';

describe('a greeting', () => {
  it('reaches its member, and nobody else', async () => {
    const app = await Test.createTestingModule({ imports: [AppModule, SocketTestingModule] }).compile();
    await app.init();
    const fake = app.get(SocketFake);
    const [ada, alan] = [await fake.connect('ada'), await fake.connect('alan')];
    await app.get(SocketService).relayToMember('ada', 'GREETING', { text: 'hi' });
    expect(ada).toHaveReceived('GREETING', { text: 'hi' });
    expect(ada).toHaveReceived('GREETING', expect.objectContaining({ text: 'hi' }));
    expect(ada).toHaveReceived('GREETING', ({ text }) => text === 'hi');
    expect(ada).not.toHaveReceived('GREETING_SEEN', { by: 7 });
    expect(ada).not.toBeDisconnected();
    expect(alan).toHaveReceivedNothing();
    // @ts-expect-error -- no such event
    expect(alan).not.toHaveReceived('GREETNG');
    // @ts-expect-error -- a payload of another shape
    expect(alan).not.toHaveReceived('GREETING', { txt: 'hi' });
    // @ts-expect-error -- a payload of another type, of an event that the page declares
    expect(ada).not.toHaveReceived('GREETING_SEEN', { by: 'alan' });
    // @ts-expect-error -- a payload of another type
    expect(() => fake.assertRelayed('ada', 'GREETING', { text: 7 })).toThrow('with {"text":7} to be relayed');
    expect(() => expect(alan).toHaveReceived('GREETING')).toThrow('member "alan", who received nothing');
    fake.assertRelayed('ada', 'GREETING', { text: 'hi' });
    await app.close();
  });
});
`;
}

/** The same without \`expect\`. */
export function nodeTest(suffix: string): string {
  return `
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Test } from '@nestjs/testing';
import { SocketService } from 'nestjs-switchboard';
import { SocketFake, SocketTestingModule } from 'nestjs-switchboard/testing';
import { AppModule } from './app.module${suffix}';

test('a greeting reaches its member, and nobody else', async () => {
  const app = await Test.createTestingModule({ imports: [AppModule, SocketTestingModule] }).compile();
  await app.init();
  const fake = app.get(SocketFake);
  const alan = await fake.connect('alan');
  await app.get(SocketService).relayToMember('ada', 'GREETING', { text: 'hi' });
  fake.assertRelayed('ada', 'GREETING', { text: 'hi' });
  assert.throws(() => fake.assertRelayed('alan', 'GREETING'), { name: 'SocketAssertionError' });
  assert.deepEqual(alan.received, []);
  await app.close();
});
`;
}

/** A test of the whole application with the real pusher-js. */
export function endToEndTest(suffix: string, pusher: string, header = ''): string {
  return `${header}
import { Test } from '@nestjs/testing';
${pusher}
import { connect } from 'nestjs-switchboard/browser';
import { AppModule } from './../src/app.module${suffix}';

describe('a greeting (e2e)', () => {
  it('is heard by the real pusher-js', async () => {
    const app = (await Test.createTestingModule({ imports: [AppModule] }).compile()).createNestApplication();
    await app.listen(0, '127.0.0.1');
    const url = await app.getUrl();
    const socket = await connect(Pusher, { url, headers: { 'x-member': 'ada' } });
    const heard = new Promise((resolve) => socket.onMember('GREETING', resolve));
    await fetch(url + '/greeting/ada', { method: 'POST' });
    expect(await heard).toEqual({ text: 'Hello, ada!' });
    socket.disconnect();
    await app.close();
  });
});
`;
}

/** Its types do not say that its exports are the class itself, where ES modules import it. */
export const PUSHER = {
  cjs: `import Pusher from 'pusher-js';`,
  esm: `import PusherJs from 'pusher-js';\nconst Pusher = PusherJs as unknown as typeof PusherJs.default;`,
};

export const FASTIFY_MAIN = `
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from './app.module.js';

const app = await NestFactory.create<NestFastifyApplication>(AppModule, new FastifyAdapter());
await app.listen(process.env['PORT'] ?? 3000);
`;

/**
 * The strictest compiler: the declarations of all packages are checked too. Not those of the compiler itself, which would take longer
 * than all others.
 */
export const STRICT_TSCONFIG = JSON.stringify({
  extends: './tsconfig.json',
  compilerOptions: {
    noEmit: true,
    incremental: false,
    strict: true,
    strictPropertyInitialization: false,
    skipLibCheck: false,
    skipDefaultLibCheck: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noImplicitOverride: true,
    noFallthroughCasesInSwitch: true,
    noUnusedLocals: true,
    noUnusedParameters: true,
    noImplicitAny: true,
    strictBindCallApply: true,
  },
  include: ['src', 'test'],
});

/** Jest as the documentation sets it up, also for the tests of the whole application. */
export const SWC_JEST = `${blockThatBegins('docs/testing.md', 'js', '// jest.config.js')}
module.exports.testRegex = '(src/.*\\\\.spec|test/.*\\\\.e2e-spec)\\\\.ts$';
`;

/** Vitest as the project has it, but without globals. */
export const PLAIN_VITEST = `
import config from './vitest.config';

export default { ...config, test: { ...config.test, globals: false, include: ['**/*-imported.spec.ts'] } };
`;
