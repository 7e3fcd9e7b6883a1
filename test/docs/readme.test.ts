import 'reflect-metadata';
import { statSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { INestApplication, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventBus } from '@nestjs/cqrs';
import { describeSocketClient } from 'nestjs-switchboard/testing';
import { Pusher } from '../support/pusher-browser.js';
import { onTeardown } from '../support/teardown.js';
import { ROOT, usePage } from './support/page.js';

const page = usePage('README.md');
await page.run('events.ts');

describe('the example', () => {
  test('runs from the domain event to the browser, over ws and the real pusher-js', async () => {
    const { AppModule } = await page.run<{ AppModule: Type }>('app.module.ts');
    const app: INestApplication = await NestFactory.create(AppModule, { logger: false });
    await app.listen(0, '127.0.0.1');
    const { port } = (app.getHttpServer() as { address(): AddressInfo }).address();
    const alerts: string[] = [];
    let alerted = (): void => undefined;
    const heard = new Promise<void>((resolve) => (alerted = resolve));
    const frames: unknown[] = [];
    Object.assign(globalThis, {
      page: { backend: `http://127.0.0.1:${String(port)}`, token: 'ada' },
      alert: (text: string) => {
        alerts.push(text);
        alerted();
      },
    });
    onTeardown(async () => {
      connections().forEach((pusher) => {
        pusher.disconnect();
      });
      await app.close();
      Reflect.deleteProperty(globalThis, 'page');
      Reflect.deleteProperty(globalThis, 'alert');
    });
    await page.run('browser.ts');
    const pusher = connections().at(-1);
    if (pusher === undefined) throw new Error('the example has opened no connection');
    const disconnected = new Promise<void>((resolve) => {
      pusher.connection.bind('disconnected', () => {
        resolve();
      });
    });
    pusher.connection.bind('message', (frame: unknown) => frames.push(frame));

    const { MemberDeactivated } = await page.run<{
      MemberDeactivated: new (memberId: string, occurredAt: string) => object;
    }>('member-deactivated.ts');
    app.get(EventBus).publish(new MemberDeactivated('ada', '2026-01-01T00:00:00.000Z'));
    await heard;
    await disconnected;

    expect(alerts).toEqual(['You were deactivated at 2026-01-01T00:00:00.000Z']);
    // And these are the frames that the page shows.
    expect(framesShown()).toEqual([
      {
        event: 'MEMBER_DEACTIVATED',
        channel: '#server-to-user-ada',
        data: { memberId: 'ada', occurredAt: '2026-01-01T00:00:00.000Z' },
      },
      { event: 'pusher:error', data: { code: 4009, message: 'Connection terminated by the application' } },
    ]);
    expect(frames).toEqual(framesShown());
  });
});

test('the README is read in a minute: it has fewer than 12,000 bytes', () => {
  expect(Buffer.byteLength(page.text)).toBeLessThan(12_000);
});

test('the picture of the live page is small', () => {
  expect(statSync(join(ROOT, 'docs/live-page.png')).size).toBeLessThan(120_000);
});

test('the contract suite has as many tests as the README says', () => {
  expect(page.text).toContain(`One contract suite of ${String(contractTests())} tests`);
});

/** Every client that `pusher-js` has made. */
function connections(): readonly Pusher[] {
  return Pusher.instances;
}

/** The frames that the README shows, with their data read. */
function framesShown(): unknown[] {
  return [...page.text.matchAll(/^\{"event".*$/gm)].map(([text]) => {
    const shown = JSON.parse(text) as { data: unknown };
    return typeof shown.data === 'string' ? { ...shown, data: JSON.parse(shown.data) as unknown } : shown;
  });
}

/** Counts what the suite would register. */
function contractTests(): number {
  const { describe, test, beforeAll, afterAll } = globalThis;
  let count = 0;
  const ignore = () => undefined;
  try {
    Object.assign(globalThis, {
      describe: (_: string, define: () => void) => {
        define();
      },
      test: Object.assign(() => count++, {
        each: (table: readonly unknown[]) => () => (count += table.length),
      }),
      beforeAll: ignore,
      afterAll: ignore,
    });
    describeSocketClient('counted', () => Promise.reject(new Error('never started')));
  } finally {
    Object.assign(globalThis, { describe, test, beforeAll, afterAll });
  }
  return count;
}
