import { whenTestEnds } from '../../e2e/embedding/teardown.js';
import { launchChromium } from '../../support/chromium.js';
import { openBrowser } from '../../support/pusher-browser.js';
import type { Consumer } from './consumer.js';

// What must hold of projects that have the example of `nest add`.

/** The tests of every project. The tests that run what they build come after them. */
export function compilesAndRelays(project: Consumer): void {
  test('it compiles at the strictest, with the events checked in its matchers', () =>
    project.run('tsc, at the strictest', 'tsc -p tsconfig.strict.json'));

  test('it builds, and relays on every provider', async () => {
    await project.run('nest build', 'nest build');
    await relaysOnEveryProvider(project);
  });

  test('node:test', () => project.run('node --test', 'node --test dist/greeting.node.js'));
}

/** Starts the application with each provider: `ws`; `pusher`, against another one as the hosted service; and `memory`. */
async function relaysOnEveryProvider(project: Consumer): Promise<void> {
  const hosted = await project.start({ SOCKET_HTTP_API: 'true' });
  await hears(hosted);
  const pusher = await project.start({
    ...{
      SOCKET_PROVIDER: 'pusher',
      PUSHER_HOST: '127.0.0.1',
      PUSHER_PORT: new URL(hosted).port,
      PUSHER_SCHEME: 'http',
    },
  });
  await hears(pusher);
  const memory = await project.start({ SOCKET_PROVIDER: 'memory' });
  expect(await greet(memory)).toMatchObject({ status: 'sent' });
}

/** A real browser's client on one address hears the example's greeting, which is asked for at another. */
export async function hears(url: string, from = url, status = 'sent'): Promise<void> {
  const ada = await openBrowser(url, 'ada');
  whenTestEnds(() => {
    ada.leave();
  });
  expect(await greet(from)).toMatchObject({ status });
  expect(await ada.next()).toEqual({ event: 'GREETING', payload: { text: 'Hello, ada!' } });
}

/** The example's page, in two tabs of a real browser: the button of one is heard in both. */
export async function greetsOnItsPage(url: string): Promise<void> {
  const browser = await launchChromium();
  whenTestEnds(() => browser.close());
  const tabs = [await browser.newPage(), await browser.newPage()] as const;
  for (const tab of tabs) {
    await tab.goto(`${url}/greeting`);
    await tab.getByText('Connected, through ws', { exact: true }).waitFor();
  }
  await tabs[0].getByRole('button', { name: 'Greet me' }).click();
  for (const tab of tabs) await tab.getByRole('listitem').getByText('Hello, ada!', { exact: true }).waitFor();
}

async function greet(url: string): Promise<unknown> {
  const response = await fetch(`${url}/greeting/ada`, { method: 'POST' });
  expect(response.status).toBe(201);
  return response.json();
}

/** A second `nest add` leaves every file as it is. */
export async function addsOnce(project: Consumer): Promise<void> {
  const files = ['package.json', '.env', 'src/app.module.ts', 'src/realtime/identify.ts'];
  const before = await Promise.all(files.map((file) => project.read(file)));
  const told = await project.run(
    'nest add, again',
    'nest add nestjs-switchboard --skip-install --provider ws',
  );
  expect(told).toContain('src/app.module.ts has SocketModule already');
  expect(told).not.toMatch(/CREATE|UPDATE/);
  expect(await Promise.all(files.map((file) => project.read(file)))).toEqual(before);
}
