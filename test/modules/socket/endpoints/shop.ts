import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Controller, Get, Header, type INestApplication, Module, StreamableFile } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { SocketModule, type SocketModuleOptions, SocketService } from 'nestjs-switchboard';
import type { BrowserContext, Page } from 'playwright-core';
import { APP } from '../../../support/auth-requests.js';
import { type HostParts, identify } from '../../../support/hosts.js';
import { onTeardown } from '../../../support/teardown.js';

export const HELLO = { from: 'alan', text: 'hello' };

const HELPER = new URL('../../../../dist/browser/index.mjs', import.meta.url);
const PUSHER = createRequire(import.meta.url).resolve('pusher-js/dist/web/pusher.min.js');

const file = (path: string | URL) => new StreamableFile(readFileSync(path));

@Controller()
class ShopController {
  @Get()
  @Header('Content-Type', 'text/html')
  page(): string {
    return '<!doctype html><title>Shop</title><script src="/pusher.js"></script>';
  }

  @Get('pusher.js')
  @Header('Content-Type', 'text/javascript')
  pusher(): StreamableFile {
    return file(PUSHER);
  }

  @Get('switchboard.js')
  @Header('Content-Type', 'text/javascript')
  helper(): StreamableFile {
    return file(HELPER);
  }
}

/** Makes an application that serves a page with the built helper and the `pusher-js` of browsers. It does not listen yet. */
export async function createShop(
  options: SocketModuleOptions = {},
  { imports = [], providers = [], httpAdapter, settings, prepare }: HostParts = {},
): Promise<INestApplication> {
  @Module({
    imports: [SocketModule.forRoot({ env: {}, provider: 'ws', app: APP, identify, ...options }), ...imports],
    controllers: [ShopController],
    providers,
  })
  class ShopModule {}

  const own = { logger: false, abortOnError: false, ...settings } as const;
  const app = await (httpAdapter === undefined
    ? NestFactory.create(ShopModule, own)
    : NestFactory.create(ShopModule, httpAdapter(), own));
  onTeardown(() => app.close());
  prepare?.(app);
  return app;
}

/** Opens a page. */
export async function openPage(context: BrowserContext, url: string): Promise<Page> {
  const page = await context.newPage();
  await page.goto(url);
  return page;
}

/** Signs the page in, sends the member an event, and tells what the page has heard. */
export async function heardBy(
  page: Page,
  app: INestApplication,
  options: object = { headers: { 'x-member': 'ada' } },
): Promise<unknown> {
  await page.evaluate(`(async () => {
    const { connect } = await import('/switchboard.js');
    const socket = await connect(window.Pusher, { timeoutMs: 20_000, ...${JSON.stringify(options)} });
    window.heard = new Promise((resolve) => socket.onMember('MEMBER_MESSAGED', resolve));
  })()`);
  await app.get(SocketService).relayToMember('ada', 'MEMBER_MESSAGED', HELLO);
  return page.evaluate('window.heard');
}
