import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Browser, BrowserContext, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { launchChromium } from '../../support/chromium.js';

const BACKEND = fileURLToPath(new URL('../../../dist/main.js', import.meta.url));
export const TEST_MS = 90_000;
const WAIT_MS = 20_000;
/** With these the gateway gives a silent page up within two seconds, and the others in the lobby are told at once. */
export const IMPATIENT = {
  SOCKET_ACTIVITY_TIMEOUT_S: '1',
  SOCKET_PONG_TIMEOUT_S: '1',
  SOCKET_PRESENCE_GRACE_MS: '0',
};

let browser: Browser;
let backend: ChildProcess;
export let url: string;
/** The complaints of the pages' consoles: script errors, refused requests, violations of the content policy. */
export let problems: string[];

// The hooks of every test file that imports this one.
beforeAll(async () => {
  browser = await launchChromium();
}, TEST_MS);

afterAll(async () => {
  await browser.close();
});

beforeEach(async () => {
  problems = [];
  await start();
}, TEST_MS);

afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()));
  await stop();
  expect(problems).toEqual([]);
}, TEST_MS);

/** Starts the backend on the `PORT` of this environment, or on a free one. */
export async function start(environment: Record<string, string> = {}): Promise<void> {
  const port = environment['PORT'] ?? (await freePort());
  url = `http://127.0.0.1:${port}/`;
  backend = spawn(process.execPath, [BACKEND], {
    // Only what is named here: the shell's own settings must not decide what is tested.
    env: { PATH: process.env['PATH'], PORT: String(port), ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await answering(backend);
}

export async function stop(): Promise<void> {
  if (backend.exitCode !== null || backend.signalCode !== null) return;
  const exited = once(backend, 'exit');
  const impatience = setTimeout(() => backend.kill('SIGKILL'), 15_000);
  backend.kill('SIGTERM');
  await exited;
  clearTimeout(impatience);
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('The probe has no port.');
  return address.port;
}

// Every line that the backend writes is a reason to ask again whether it answers by now.
async function answering({ stdout }: ChildProcess): Promise<void> {
  if (!stdout) throw new Error('The backend was started without a stdout.');
  await new Promise<void>((resolve, reject) => {
    const ask = (): void => {
      fetch(`${url}health`).then(
        ({ ok }) => {
          if (ok) resolve();
        },
        () => undefined,
      );
    };
    stdout.on('data', ask);
    stdout.once('end', () => {
      reject(new Error('The backend ended before it answered.'));
    });
  });
  stdout.removeAllListeners().resume();
}

export async function open(options: BrowserContextOptions = {}): Promise<Page> {
  return openTab(await browser.newContext(options));
}

/** Opens the page in one more tab of a browser. */
export async function openTab(context: BrowserContext): Promise<Page> {
  context.setDefaultTimeout(WAIT_MS);
  const page = await context.newPage();
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text());
  });
  await page.goto(url);
  return page;
}

export async function signedIn(name: string, options: BrowserContextOptions = {}): Promise<Page> {
  return signIn(await open(options), name);
}

export async function signIn(page: Page, name: string): Promise<Page> {
  await choice(page, name).click();
  await inLobby(page, name).waitFor();
  return page;
}

export const choice = (page: Page, name: string): Locator => page.getByRole('button', { name });
export const button = (page: Page, name: string): Locator => page.getByRole('button', { name, exact: true });
export const field = (page: Page, label: string): Locator => page.getByLabel(label, { exact: true });
export const state = (page: Page, text: string): Locator =>
  page.getByRole('status').getByText(text, { exact: true });
export const alert = (page: Page, text: string): Locator => page.getByRole('alert').getByText(text);
export const log = (page: Page): Locator => page.getByRole('log', { name: 'Events' });
const lobby = (page: Page): Locator => page.getByRole('list', { name: 'In the lobby' });
export const inLobby = (page: Page, name: string): Locator =>
  lobby(page).getByRole('listitem').filter({ hasText: name });

export async function say(page: Page, text: string): Promise<void> {
  await field(page, 'Say something in the room').fill(text);
  await button(page, 'Say').click();
}

export async function message(page: Page, to: string, text: string): Promise<void> {
  await field(page, 'To').selectOption(to);
  await field(page, 'Message').fill(text);
  await button(page, 'Send').click();
}

export async function announce(page: Page, text: string): Promise<void> {
  await field(page, 'Announcement').fill(text);
  await button(page, 'Broadcast').click();
}

export async function addMember(page: Page, name: string): Promise<void> {
  await field(page, 'Name').fill(name);
  await button(page, 'Add member').click();
}

export async function deactivate(page: Page, memberId: string): Promise<void> {
  await field(page, 'Member').selectOption(memberId);
  await button(page, 'Deactivate…').click();
  await page.getByRole('dialog').getByRole('button', { name: 'Deactivate' }).click();
}

/** Presses Tab until the element has the focus, as somebody without a mouse would. */
export async function tabTo(page: Page, element: Locator): Promise<void> {
  await element.waitFor();
  for (let presses = 0; presses < 40; presses += 1) {
    await page.keyboard.press('Tab');
    if ((await element.and(page.locator(':focus-visible')).count()) === 1) return;
  }
  throw new Error(`Tab never reached ${String(element)}.`);
}

const HEARD = `[...document.querySelectorAll('#log > li')].reverse().flatMap((entry) => {
  const name = entry.querySelector('.entry-name').textContent;
  if (!['ANNOUNCED', 'MEMBER_MESSAGED', 'gap'].includes(name)) return [];
  const mark = entry.querySelector('.tag[data-tone]');
  return [(mark ? mark.textContent + ': ' : '') + entry.querySelector('p').textContent];
})`;

/** The relays and gaps of the log, the oldest first, each with its mark. */
export const heard = (page: Page): Promise<string[]> => page.evaluate<string[]>(HEARD);

/** The line of an announcement in the log, as {@link heard} has it. */
export const announced = (text: string): string => `Announcement: “${text}”`;
/** A line with the mark of events that were caught up. */
export const away = (line: string): string => `while you were away: ${line}`;

/** Announces as any other program may. Resolves when the backend has accepted it. */
export async function announceFromElsewhere(message: string): Promise<void> {
  const { status } = await fetch(`${url}broadcast`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ message }),
  });
  expect(status).toBe(202);
}

/** Takes the complaints off the list that a browser has of connections that it lost, or could not make. */
export function forgiveLostConnections(): void {
  problems = problems.filter((problem) => !/WebSocket|ERR_INTERNET_DISCONNECTED/.test(problem));
}

export const boxOf = (element: Locator) => element.boundingBox();

export const overflow = (page: Page): Promise<number> =>
  page.evaluate<number>('document.documentElement.scrollWidth - window.innerWidth');
