/** The files of the example, by their path beside the application module. @param suffix the end of the relative imports */
export function exampleFiles(suffix: string): Readonly<Record<string, string>> {
  return {
    'realtime/events.ts': EVENTS,
    'realtime/identify.ts': IDENTIFY,
    'realtime/greeting.controller.ts': CONTROLLER.replaceAll('SUFFIX', suffix),
    'realtime/greeting.page.ts': PAGE,
  };
}

const EVENTS = `import type {} from 'nestjs-switchboard';

/** The events that go to browsers, with their payloads. The compiler checks every relay and every handler against them. */
declare module 'nestjs-switchboard' {
  interface SocketEvents {
    GREETING: { text: string };
  }
}
`;

const IDENTIFY = `import type { HttpRequest, Identity } from 'nestjs-switchboard';

/**
 * Says who is calling; null is nobody. This one believes the browser, so that the example works at once. Check your
 * session or your token here, before the application goes to production.
 */
export function identify({ headers }: HttpRequest): Identity | null {
  if (process.env['NODE_ENV'] === 'production') {
    throw new Error('identify (realtime/identify.ts) still believes every browser.');
  }
  const id = headers['x-member'];
  return typeof id === 'string' ? { id } : null;
}
`;

const CONTROLLER = `import { Controller, Get, Header, Param, Post } from '@nestjs/common';
import { type Receipt, SocketService } from 'nestjs-switchboard';
import { PAGE, SCRIPTS } from './greeting.pageSUFFIX';

/**
 * An example: greets a member, in every browser that is signed in as that member. Its page is at /greeting. When you
 * have seen it, delete it, greeting.page.ts, and its line in the application module.
 */
@Controller('greeting')
export class GreetingController {
  constructor(private readonly socketService: SocketService) {
    if (process.env['NODE_ENV'] === 'production') {
      throw new Error('GreetingController is an example. Delete it before production.');
    }
  }

  @Post(':memberId')
  greet(@Param('memberId') memberId: string): Promise<Receipt> {
    return this.socketService.relayToMember(memberId, 'GREETING', {
      text: \`Hello, \${memberId}!\`,
    });
  }

  @Get()
  @Header('Content-Type', 'text/html; charset=utf-8')
  page(): string {
    return PAGE;
  }

  @Get('pusher.js')
  @Header('Content-Type', 'text/javascript; charset=utf-8')
  pusher(): string {
    return SCRIPTS.pusher();
  }

  @Get('switchboard.js')
  @Header('Content-Type', 'text/javascript; charset=utf-8')
  switchboard(): string {
    return SCRIPTS.switchboard();
  }
}
`;

const PAGE = `import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** The example's page. A front-end with a bundler imports pusher-js and nestjs-switchboard/browser instead. */
export const PAGE = \`<!doctype html>
<meta charset="utf-8">
<title>Greeting</title>
<h1>You are <span id="member"></span></h1>
<p id="state">Connecting …</p>
<button id="greet">Greet me, in every tab</button>
<ul id="greetings"></ul>
<script src="greeting/pusher.js"></script>
<script type="module">
  import { connect } from './greeting/switchboard.js';
  const element = (id) => document.getElementById(id);
  const member = new URLSearchParams(location.search).get('member') ?? 'ada';
  element('member').textContent = member;
  element('greet').onclick = () => fetch('greeting/' + encodeURIComponent(member), { method: 'POST' });
  try {
    const socket = await connect(Pusher, {
      path: location.pathname.replace(/greeting$/, 'socket'),
      headers: { 'x-member': member },
    });
    element('state').textContent = 'Connected, through ' + socket.provider;
    socket.onMember('GREETING', ({ text }) => {
      const item = document.createElement('li');
      item.textContent = text;
      element('greetings').append(item);
    });
  } catch (error) {
    element('state').textContent = error.message;
  }
</script>
\`;

const { resolve } = createRequire(join(process.cwd(), 'package.json'));

/** The scripts of the page, from the packages. */
export const SCRIPTS = {
  pusher: () => readFileSync(resolve('pusher-js/dist/web/pusher.min.js'), 'utf8'),
  switchboard: () =>
    readFileSync(
      join(dirname(resolve('nestjs-switchboard/package.json')), 'dist/browser/index.mjs'),
      'utf8',
    ),
};
`;
