import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import sparticuz from '@sparticuz/chromium';
import type { HttpRequest, Identity } from 'nestjs-switchboard';
import { type Browser, chromium, type Page } from 'playwright-core';
import { type Host, startHost } from '../support/hosts.js';
import { frontOf } from './backends.js';

// The built helper and the `pusher-js` of browsers, in a real one.

const TEST_MS = 60_000;
const WEB = createRequire(import.meta.url).resolve('pusher-js/dist/web/pusher.min.js');
const WORKER = createRequire(import.meta.url).resolve('pusher-js/dist/worker/pusher.worker.min.js');
const BUILT = new URL('../../dist/browser/index.mjs', import.meta.url);

let browser: Browser;

beforeAll(async () => {
  browser = await chromium.launch({
    executablePath: await sparticuz.executablePath(),
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking'],
    headless: true,
  });
}, TEST_MS);
afterAll(() => browser.close());
afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()));
});

/** A backend that knows its callers by a cookie. */
function startBackend(): Promise<Host> {
  const identify = ({ headers: { cookie } }: HttpRequest): Identity | null => {
    const id = typeof cookie === 'string' ? /\bmember=(\w+)/.exec(cookie)?.[1] : undefined;
    return id === undefined ? null : { id };
  };
  const prepare = (app: Host['app']) => {
    app.enableCors({ origin: true, credentials: true });
  };
  return startHost({ provider: 'ws', identify }, { prepare });
}

/** A page of another origin, with the helper as `/switchboard.js`; below `/api`, the backend. */
async function openPage(host: Host, before = ''): Promise<Page> {
  const files = new Map([
    ['/', ['text/html', '<!doctype html><title>Shop</title><script src="/pusher.js"></script>']],
    ['/pusher.js', ['text/javascript', readFileSync(WEB, 'utf8')]],
    ['/switchboard.js', ['text/javascript', readFileSync(BUILT, 'utf8')]],
    ['/pusher.worker.js', ['text/javascript', readFileSync(WORKER, 'utf8')]],
  ]);
  const origin = await frontOf(host, (request, response) => {
    const path = request.url ?? '';
    if (path.startsWith('/api/')) {
      request.url = path.slice('/api'.length);
      return false;
    }
    const [type, content] = files.get(path) ?? [];
    response
      .writeHead(content === undefined ? 404 : 200, { 'Content-Type': type ?? 'text/plain' })
      .end(content);
    return true;
  });
  const context = await browser.newContext();
  await context.addCookies([{ name: 'member', value: 'alice', url: host.url }]);
  if (before !== '') await context.addInitScript(before);
  const page = await context.newPage();
  await page.goto(`${origin}/`);
  return page;
}

/** Connects in the page, and tells the member, or the error. */
function connectIn(page: Page, options: string): Promise<unknown> {
  return page.evaluate(`(async () => {
    const { connect } = await import('/switchboard.js');
    try {
      const { pusher } = await connect(window.Pusher, ${options});
      return pusher.user.user_data;
    } catch ({ code, status, message }) {
      return { code, status, message };
    }
  })()`);
}

test(
  'a page of another origin is known by its cookie with credentials, and only then',
  async () => {
    const host = await startBackend();
    const page = await openPage(host);
    expect(await connectIn(page, `{ url: '${host.url}', credentials: 'include' }`)).toMatchObject({
      id: 'alice',
    });
    expect(await connectIn(page, `{ url: '${host.url}' }`)).toMatchObject({
      code: 'SIGNIN_REFUSED',
      status: 403,
    });
  },
  TEST_MS,
);

test(
  'a page whose backend is below a path of its own origin names only that path',
  async () => {
    const page = await openPage(await startBackend());
    expect(await connectIn(page, `{ url: '/api' }`)).toMatchObject({ id: 'alice' });
  },
  TEST_MS,
);

test(
  'a single-page application that answers /socket/config itself is told so, with the address',
  async () => {
    const host = await startBackend();
    const page = await openPage(host);
    await page.route('**/socket/config', (route) =>
      route.fulfill({ contentType: 'text/html', body: '<p>Shop' }),
    );
    const error = await connectIn(page, '{}');
    expect(error).toMatchObject({ code: 'INVALID_ANSWER' });
    expect(error).toMatchObject({
      message: expect.stringContaining('/socket/config did not answer') as string,
    });
  },
  TEST_MS,
);

test(
  'a backend that does not allow the page’s origin is told with that origin',
  async () => {
    const host = await startHost({ provider: 'ws' });
    const page = await openPage(host);
    const error = await connectIn(page, `{ url: '${host.url}', timeoutMs: 100 }`);
    expect(error).toMatchObject({ code: 'BACKEND_UNREACHABLE' });
    const { origin } = new URL(page.url());
    expect(error).toMatchObject({
      message: expect.stringContaining(`CORS setting allow the origin ${origin}?`) as string,
    });
  },
  TEST_MS,
);

test(
  'a browser that lacks everything of the last years connects',
  async () => {
    const page = await openPage(
      await startBackend(),
      `for (const [owner, ...names] of [
      [window, 'URL', 'URLSearchParams', 'structuredClone', 'queueMicrotask', 'reportError', 'scheduler'],
      [AbortSignal, 'any', 'timeout', 'abort'],
      [AbortSignal.prototype, 'reason', 'throwIfAborted'],
      [Promise, 'withResolvers', 'any', 'try'],
      [Object, 'hasOwn', 'groupBy'],
      [Array.prototype, 'at', 'findLast', 'toSorted'],
      [String.prototype, 'replaceAll', 'at'],
    ]) for (const name of names) delete owner[name];`,
    );
    expect(await page.evaluate('typeof URL')).toBe('undefined');
    expect(await connectIn(page, `{ url: '/api' }`)).toMatchObject({ id: 'alice' });
  },
  TEST_MS,
);

test(
  'a web worker connects, with the pusher-js of workers',
  async () => {
    const page = await openPage(await startBackend());
    const member = await page.evaluate(`new Promise((resolve, reject) => {
    const code = \`
      importScripts('\${location.origin}/pusher.worker.js');
      import('\${location.origin}/switchboard.js')
        .then(({ connect }) => connect(self.Pusher, { url: '\${location.origin}/api' }))
        .then(({ pusher }) => postMessage(pusher.user.user_data), (error) => postMessage(error.message));
    \`;
    const worker = new Worker(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })));
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(message));
  })`);
    expect(member).toMatchObject({ id: 'alice' });
  },
  TEST_MS,
);
