import { join } from 'node:path';
import { jest } from '@jest/globals';
import { compile, writeFiles } from '../e2e/embedding/workshop.js';
import { unpack } from './support.js';

// The events are declared for the backend's entry and for the browser's in one program, and hold for both, as the real compiler
// sees the packed package. Each wrong line is refused: an unused @ts-expect-error is an error too.

jest.setTimeout(240_000);

const BACKEND_EVENTS = `
declare module 'nestjs-switchboard' {
  interface SocketEvents {
    ORDER_SHIPPED: { orderId: string };
  }
}
`;

const BROWSER_EVENTS = `
declare module 'nestjs-switchboard/browser' {
  interface SocketEvents {
    ORDER_SEEN: { by: number };
  }
}
`;

/** The files that declare the events. */
const DECLARED = {
  'one file': {
    'events.ts': `import 'nestjs-switchboard';\nimport 'nestjs-switchboard/browser';\n${BACKEND_EVENTS}${BROWSER_EVENTS}`,
  },
  'two files': {
    'backend-events.ts': `import 'nestjs-switchboard';\n${BACKEND_EVENTS}`,
    'browser-events.ts': `import 'nestjs-switchboard/browser';\n${BROWSER_EVENTS}`,
  },
};

const BACKEND = `
import type { EventName, SocketService } from 'nestjs-switchboard';

export const names: readonly EventName[] = ['ORDER_SHIPPED', 'ORDER_SEEN'];

export async function relays(service: SocketService): Promise<void> {
  await service.relayToMember('alice', 'ORDER_SHIPPED', { orderId: '42' });
  await service.broadcast('ORDER_SEEN', { by: 7 });
  // @ts-expect-error -- no such event
  await service.broadcast('ORDER_LOST', { orderId: '42' });
  // @ts-expect-error -- another payload, of the backend's declaration
  await service.relayToMember('alice', 'ORDER_SHIPPED', { orderId: 42 });
  // @ts-expect-error -- another payload, of the browser's declaration
  await service.relayToChannel('orders', 'ORDER_SEEN', { by: 'alice' });
}
`;

const BROWSER = `
import type { EventName, PusherLike, SwitchboardSocket } from 'nestjs-switchboard/browser';

export const names: readonly EventName[] = ['ORDER_SHIPPED', 'ORDER_SEEN'];

export function listens(socket: SwitchboardSocket<PusherLike>): void {
  socket.onMember('ORDER_SHIPPED', ({ orderId }) => orderId.toUpperCase());
  socket.onBroadcast('ORDER_SEEN', ({ by }) => by.toFixed());
  // @ts-expect-error -- no such event
  socket.onMember('ORDER_LOST', () => undefined);
  // @ts-expect-error -- the payload of the backend's declaration has no such field
  socket.onMember('ORDER_SHIPPED', ({ weight }) => weight);
  // @ts-expect-error -- the payload of the browser's declaration is another one
  socket.onBroadcast('ORDER_SEEN', ({ by }: { by: string }) => by);
}
`;

/** A test with matchers. @param header where its \`expect\` is from */
const matchers = (header: string) => `${header}
import type { FakeMember, SocketFake } from 'nestjs-switchboard/testing';

export function expects(alice: FakeMember, fake: SocketFake): void {
  expect(alice).toHaveReceived('ORDER_SHIPPED');
  expect(alice).toHaveReceived('ORDER_SHIPPED', { orderId: '42' });
  expect(alice).not.toHaveReceived('ORDER_SHIPPED', ({ orderId }) => orderId === '42');
  expect(alice).toHaveReceived('ORDER_SEEN', { by: 7 });
  fake.assertBroadcast('ORDER_SEEN', { by: 7 });
  expect(alice).toHaveReceivedNothing();
  // @ts-expect-error -- no such event
  expect(alice).toHaveReceived('ORDER_LOST');
  // @ts-expect-error -- another payload, of the backend's declaration
  expect(alice).toHaveReceived('ORDER_SHIPPED', { orderId: 42 });
  // @ts-expect-error -- another payload, of the browser's declaration
  expect(alice).not.toHaveReceived('ORDER_SEEN', { by: 'alice' });
  // @ts-expect-error -- another payload
  fake.assertRelayed('alice', 'ORDER_SHIPPED', { orderId: 42 });
}
`;

const USES = {
  'backend.ts': BACKEND,
  'browser.ts': BROWSER,
  'global.test.ts': matchers('/// <reference types="jest" />'),
  'imported.test.ts': matchers(`import { expect } from '@jest/globals';`),
};

/** The compiler's settings of a project. */
const RESOLUTIONS = {
  nodenext: { module: 'nodenext', types: ['node'] },
  bundler: { module: 'esnext', moduleResolution: 'bundler', lib: ['es2023', 'dom'], types: ['node'] },
};

let folder: string;

beforeAll(async () => {
  ({ folder } = await unpack());
});

describe.each(Object.entries(RESOLUTIONS))('under the resolution %s', (name, resolution) => {
  test.each(Object.entries(DECLARED))(
    'events that are declared for both entries in %s hold for relays, browsers and matchers',
    async (files, declarations) => {
      expect(await compiled(`${name}, ${files}`, resolution, { ...declarations, ...USES })).toBe('');
    },
  );

  test("the events of a front-end's own project need no types of Node", async () => {
    const files = {
      'events.ts': `import 'nestjs-switchboard/browser';\n${BACKEND_EVENTS.replace('switchboard', 'switchboard/browser')}${BROWSER_EVENTS}`,
      'browser.ts': BROWSER,
    };
    const options = { ...resolution, lib: ['es2023', 'dom'], types: [] };
    expect(await compiled(`${name}, front-end`, options, files)).toBe('');
  });
});

/** Compiles files as a project of their own, and resolves with what the compiler says. */
async function compiled(
  name: string,
  resolution: object,
  files: Readonly<Record<string, string>>,
): Promise<string> {
  const project = join(folder, name);
  const compilerOptions = {
    target: 'es2023',
    strict: true,
    skipLibCheck: false,
    noEmit: true,
    ...resolution,
  };
  await writeFiles(project, {
    'package.json': '{ "type": "module" }',
    'tsconfig.json': JSON.stringify({ compilerOptions }),
    ...files,
  });
  return compile(project);
}
