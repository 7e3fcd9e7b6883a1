import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Controller, Get, type INestApplication, Module, Render } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import compression from 'compression';
import helmet from 'helmet';
import type { Page } from 'playwright-core';
import { BROWSER_TEST_MS, useChromium } from '../../../support/chromium.js';
import { portOf } from '../../../support/host.js';
import type { HostParts } from '../../../support/hosts.js';
import { getJson } from '../../../support/http-get.js';
import { onTeardown } from '../../../support/teardown.js';
import { createShop, heardBy, HELLO, openPage } from './shop.js';

const newContext = useChromium();
const urlOf = (app: INestApplication) => `http://127.0.0.1:${portOf(app.getHttpServer() as Server)}`;

async function listening(parts: HostParts): Promise<INestApplication> {
  const app = await createShop({}, parts);
  await app.listen(0, '127.0.0.1');
  return app;
}

/** The reports of the page's content policy. */
function violationsOf(page: Page): readonly string[] {
  const violations: string[] = [];
  page.on('console', (message) => {
    if (/Content Security Policy/i.test(message.text())) violations.push(message.text());
  });
  return violations;
}

describe('helmet', () => {
  test(
    'has a default policy under which a page of the backend’s own origin connects',
    async () => {
      const app = await listening({ prepare: (nest) => void nest.use(helmet()) });
      const page = await openPage(await newContext(), urlOf(app));
      expect((await fetch(urlOf(app))).headers.get('content-security-policy')).toContain(
        "default-src 'self'",
      );
      const violations = violationsOf(page);
      expect(await heardBy(page, app)).toEqual(HELLO);
      expect(violations).toEqual([]);
    },
    BROWSER_TEST_MS,
  );

  test(
    'lets a page of another origin connect where connect-src names the backend over both schemes, and only there',
    async () => {
      const backend = await listening({
        prepare: (nest) => {
          nest.use(helmet()).enableCors();
        },
      });
      const address = urlOf(backend);
      const pageWith = async (connectSrc: string[]): Promise<Page> => {
        const policy = helmet({ contentSecurityPolicy: { directives: { connectSrc } } });
        const shop = await listening({ prepare: (nest) => void nest.use(policy) });
        return openPage(await newContext(), urlOf(shop));
      };
      const options = { url: address, headers: { 'x-member': 'ada' } };
      const allowed = await pageWith([address, address.replace('http', 'ws')]);
      expect(await heardBy(allowed, backend, options)).toEqual(HELLO);

      const half = await pageWith([address]);
      const violations = violationsOf(half);
      await expect(heardBy(half, backend, { ...options, timeoutMs: 2_000 })).rejects.toThrow();
      expect(violations.join()).toContain(`${address.replace('http', 'ws')}/app/`);
    },
    BROWSER_TEST_MS,
  );
});

test(
  'compression of every answer leaves the endpoints readable and the gateway’s upgrades alone',
  async () => {
    const app = await listening({ prepare: (nest) => void nest.use(compression({ threshold: 0 })) });
    const answer = await fetch(`${urlOf(app)}/socket/config`);
    expect(answer.headers.get('content-encoding')).toBeTruthy();
    expect(await answer.json()).toMatchObject({ provider: 'ws' });
    expect(await heardBy(await openPage(await newContext(), urlOf(app)), app)).toEqual(HELLO);
    // A caller that takes no compressed answer gets a plain one.
    const { port } = new URL(urlOf(app));
    const plain = await getJson('/socket/config', { hostname: '127.0.0.1', port });
    expect(plain.headers).not.toHaveProperty('content-encoding');
  },
  BROWSER_TEST_MS,
);

test(
  'a page that Nest renders from its views connects',
  async () => {
    const views = mkdtempSync(join(tmpdir(), 'switchboard-views-'));
    onTeardown(() => {
      rmSync(views, { recursive: true });
    });
    writeFileSync(
      join(views, 'live.html'),
      '<!doctype html><title>NAME</title><script src="/pusher.js"></script>',
    );

    @Controller('live')
    class LiveController {
      @Get()
      @Render('live')
      live(): object {
        return { name: 'Live' };
      }
    }

    @Module({ controllers: [LiveController] })
    class LiveModule {}

    const engine = (
      path: string,
      { name }: { name: string },
      done: (error: unknown, page?: string) => void,
    ) => {
      readFile(path, 'utf8').then((text) => {
        done(null, text.replace('NAME', name));
      }, done);
    };
    const app = await listening({
      imports: [LiveModule],
      prepare: (nest) => {
        const express = nest as NestExpressApplication;
        express.setBaseViewsDir(views).setViewEngine('html').engine('html', engine);
      },
    });
    const page = await openPage(await newContext(), `${urlOf(app)}/live`);
    expect(await page.title()).toBe('Live');
    expect(await heardBy(page, app)).toEqual(HELLO);
  },
  BROWSER_TEST_MS,
);
