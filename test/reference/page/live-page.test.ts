import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import sparticuz from '@sparticuz/chromium';
import { type Browser, type BrowserContextOptions, chromium, type Locator, type Page } from 'playwright-core';

const BACKEND = fileURLToPath(new URL('../../../dist/main.js', import.meta.url));
const TEST_MS = 90_000;
const WAIT_MS = 20_000;

let browser: Browser;
let backend: ChildProcess;
let url: string;
/** The complaints of the pages' consoles: script errors, refused requests, violations of the content policy. */
let problems: string[];

beforeAll(async () => {
  browser = await chromium.launch({
    executablePath: await sparticuz.executablePath(),
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking'],
    headless: true,
  });
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

async function start(environment: Record<string, string> = {}): Promise<void> {
  const port = await freePort();
  url = `http://127.0.0.1:${port}/`;
  backend = spawn(process.execPath, [BACKEND], {
    // Only what is named here: the shell's own settings must not decide what is tested.
    env: { PATH: process.env['PATH'], PORT: String(port), ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await answering(backend);
}

async function stop(): Promise<void> {
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

async function open(options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(WAIT_MS);
  const page = await context.newPage();
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text());
  });
  await page.goto(url);
  return page;
}

async function signedIn(name: string, options: BrowserContextOptions = {}): Promise<Page> {
  const page = await open(options);
  await choice(page, name).click();
  await inLobby(page, name).waitFor();
  return page;
}

const choice = (page: Page, name: string): Locator => page.getByRole('button', { name });
const button = (page: Page, name: string): Locator => page.getByRole('button', { name, exact: true });
const field = (page: Page, label: string): Locator => page.getByLabel(label, { exact: true });
const state = (page: Page, text: string): Locator =>
  page.getByRole('status').getByText(text, { exact: true });
const alert = (page: Page, text: string): Locator => page.getByRole('alert').getByText(text);
const log = (page: Page): Locator => page.getByRole('log', { name: 'Events' });
const lobby = (page: Page): Locator => page.getByRole('list', { name: 'In the lobby' });
const inLobby = (page: Page, name: string): Locator =>
  lobby(page).getByRole('listitem').filter({ hasText: name });

async function say(page: Page, text: string): Promise<void> {
  await field(page, 'Say something in the room').fill(text);
  await button(page, 'Say').click();
}

async function message(page: Page, to: string, text: string): Promise<void> {
  await field(page, 'To').selectOption(to);
  await field(page, 'Message').fill(text);
  await button(page, 'Send').click();
}

async function announce(page: Page, text: string): Promise<void> {
  await field(page, 'Announcement').fill(text);
  await button(page, 'Broadcast').click();
}

async function deactivate(page: Page, memberId: string): Promise<void> {
  await field(page, 'Member').selectOption(memberId);
  await button(page, 'Deactivate…').click();
  await page.getByRole('dialog').getByRole('button', { name: 'Deactivate' }).click();
}

/** Presses Tab until the element has the focus, as somebody without a mouse would. */
async function tabTo(page: Page, element: Locator): Promise<void> {
  await element.waitFor();
  for (let presses = 0; presses < 40; presses += 1) {
    await page.keyboard.press('Tab');
    if ((await element.and(page.locator(':focus-visible')).count()) === 1) return;
  }
  throw new Error(`Tab never reached ${String(element)}.`);
}

const boxOf = (element: Locator) => element.boundingBox();

const overflow = (page: Page): Promise<number> =>
  page.evaluate<number>('document.documentElement.scrollWidth - window.innerWidth');

test(
  'members see each other come to the lobby and leave it, live',
  async () => {
    const ada = await signedIn('Ada Lovelace');
    await inLobby(ada, 'Ada Lovelace').getByText('you', { exact: true }).waitFor();
    await ada.getByText('Nobody else yet.').waitFor();

    const alan = await signedIn('Alan Turing');
    await inLobby(ada, 'Alan Turing').waitFor();
    await inLobby(alan, 'Ada Lovelace').waitFor();
    await log(ada).getByText('Alan Turing joined the lobby.').waitFor();
    expect(await inLobby(ada, 'Alan Turing').getByText('you', { exact: true }).count()).toBe(0);

    await alan.context().close();
    await inLobby(ada, 'Alan Turing').waitFor({ state: 'detached' });
    await log(ada).getByText('Alan Turing left the lobby.').waitFor();
  },
  TEST_MS,
);

test(
  'the page says which provider is in force and what the connection does',
  async () => {
    const page = await open();
    await page.getByText('Provider ws').waitFor();
    await state(page, 'Disconnected').waitFor();
    await choice(page, 'Ada Lovelace').click();
    await state(page, 'Connected').waitFor();
    await page.getByText(/socket \d+\.\d+/).waitFor();
  },
  TEST_MS,
);

test(
  'the page shows which node a tab is on, and nothing where there is one only',
  async () => {
    const page = await open();
    await page.getByText('Provider ws').waitFor();
    const node = page.getByText(/^Node /);
    await choice(page, 'Ada Lovelace').click();
    await state(page, 'Connected').waitFor();
    expect(await node.isVisible()).toBe(false);

    let name = 'ab12cd';
    await page.route('**/health', (route) => route.fulfill({ json: { status: 'degraded', node: name } }));
    await page.reload();
    await page.getByText('Node ab12cd').waitFor();

    name = 'ef34gh';
    await button(page, 'Disconnect').click();
    await button(page, 'Connect').click();
    await page.getByText('Node ef34gh').waitFor();
  },
  TEST_MS,
);

test(
  'a message reaches the member it is for, and nobody else',
  async () => {
    const [ada, alan, grace] = [
      await signedIn('Ada Lovelace'),
      await signedIn('Alan Turing'),
      await signedIn('Grace Hopper'),
    ];
    await message(ada, 'alan', 'How is the machine?');
    await ada.getByText('Sent to Alan Turing.').waitFor();
    await log(alan).getByText('Ada Lovelace wrote to you: “How is the machine?”').waitFor();
    await log(alan).getByText('{"from":"ada","text":"How is the machine?"}').waitFor();

    // Everything sent before has arrived once this has.
    await announce(ada, 'That was all');
    await log(grace).getByText('Announcement: “That was all”').waitFor();
    expect(await log(grace).getByText('MEMBER_MESSAGED').count()).toBe(0);
    expect(await log(ada).getByText('MEMBER_MESSAGED').count()).toBe(0);
  },
  TEST_MS,
);

test(
  'a message to oneself reaches the other tabs, not the one that sent it',
  async () => {
    const [here, there] = [await signedIn('Ada Lovelace'), await signedIn('Ada Lovelace')];
    await message(here, 'ada', 'Note to self');
    await log(there).getByText('Ada Lovelace wrote to you: “Note to self”').waitFor();

    await announce(here, 'That was all');
    await log(here).getByText('Announcement: “That was all”').waitFor();
    expect(await log(here).getByText('MEMBER_MESSAGED').count()).toBe(0);
  },
  TEST_MS,
);

test(
  'room talk reaches the others in the room, and its sender sees it too',
  async () => {
    const [ada, alan] = [await signedIn('Ada Lovelace'), await signedIn('Alan Turing')];
    await say(alan, 'Good morning');
    await log(ada).getByText('Alan Turing said in the room: “Good morning”').waitFor();
    await log(alan).getByText('You said in the room: “Good morning”').waitFor();
    expect(await log(alan).getByText('client-said').count()).toBe(1);
  },
  TEST_MS,
);

test(
  'room talk is explained next to its form when the server refuses it',
  async () => {
    await stop();
    await start({ SOCKET_CLIENT_EVENTS: 'false' });
    const ada = await signedIn('Ada Lovelace');
    await say(ada, 'Can you hear me?');
    await alert(ada, 'Refused by the server:').waitFor();
    await state(ada, 'Connected').waitFor();
  },
  TEST_MS,
);

test(
  'an announcement reaches everybody connected',
  async () => {
    const [ada, alan] = [await signedIn('Ada Lovelace'), await signedIn('Alan Turing')];
    await announce(ada, 'Tea at four');
    for (const page of [ada, alan]) {
      await log(page).getByText('ANNOUNCED').waitFor();
      await log(page).getByText('{"message":"Tea at four"}').waitFor();
    }
    await button(ada, 'Clear').click();
    await log(ada).getByText('Nothing yet.').waitFor();
  },
  TEST_MS,
);

test(
  'a member who disconnects leaves the lobby, hears nothing, and comes back with one press',
  async () => {
    const [ada, alan] = [await signedIn('Ada Lovelace'), await signedIn('Alan Turing')];
    await button(alan, 'Disconnect').click();
    await state(alan, 'Disconnected').waitFor();
    await alan.getByText('Connect to see who is here.').waitFor();
    await inLobby(ada, 'Alan Turing').waitFor({ state: 'detached' });
    await message(ada, 'alan', 'Are you there?');
    await ada.getByText('Sent to Alan Turing.').waitFor();

    await button(alan, 'Connect').click();
    await state(alan, 'Connected').waitFor();
    await inLobby(ada, 'Alan Turing').waitFor();
    await inLobby(alan, 'Ada Lovelace').waitFor();
    await message(ada, 'alan', 'Welcome back');
    await log(alan).getByText('Ada Lovelace wrote to you: “Welcome back”').waitFor();
    expect(await log(alan).getByText('Are you there?').count()).toBe(0);
  },
  TEST_MS,
);

test(
  'a deactivated member is told, disconnected and signed out, and cannot sign in again',
  async () => {
    const stale = await open();
    await choice(stale, 'Alan Turing').waitFor();
    const [ada, alan] = [await signedIn('Ada Lovelace'), await signedIn('Alan Turing')];
    await inLobby(ada, 'Alan Turing').waitFor();

    await deactivate(ada, 'alan');
    await ada.getByText('Alan Turing is deactivated.').waitFor();
    await alert(alan, 'You were deactivated at').waitFor();
    await state(alan, 'Disconnected').waitFor();
    await inLobby(ada, 'Alan Turing').waitFor({ state: 'detached' });

    await choice(alan, 'Alan Turing').getByText('deactivated').waitFor();
    expect(await choice(alan, 'Alan Turing').isDisabled()).toBe(true);
    await alan.reload();
    await choice(alan, 'Grace Hopper').waitFor();

    // A tab that has not heard yet still offers it; then it is the backend that refuses.
    await choice(stale, 'Alan Turing').click();
    await alert(stale, 'deactivated').waitFor();
    expect(problems.splice(0)).toEqual([expect.stringContaining('403')]);
  },
  TEST_MS,
);

test(
  'deactivating asks first, and Cancel changes nothing',
  async () => {
    const [ada, alan] = [await signedIn('Ada Lovelace'), await signedIn('Alan Turing')];
    await field(ada, 'Member').selectOption('alan');
    await button(ada, 'Deactivate…').click();
    await ada.getByRole('dialog', { name: 'Deactivate Alan Turing?' }).waitFor();
    await button(ada, 'Cancel').click();
    await message(ada, 'alan', 'Still with us');
    await log(alan).getByText('Ada Lovelace wrote to you: “Still with us”').waitFor();
  },
  TEST_MS,
);

test(
  'a reload keeps the member signed in, in that tab only',
  async () => {
    const ada = await signedIn('Ada Lovelace');
    await ada.reload();
    await inLobby(ada, 'Ada Lovelace').waitFor();

    const other = await ada.context().newPage();
    await other.goto(url);
    await other.getByRole('heading', { name: 'Who are you today?' }).waitFor();

    await button(ada, 'Sign out').click();
    await ada.reload();
    await ada.getByRole('heading', { name: 'Who are you today?' }).waitFor();
  },
  TEST_MS,
);

test(
  'a session the backend does not accept ends with a reason',
  async () => {
    const page = await open();
    await page.evaluate(
      `sessionStorage.setItem('switchboard.session', '{"member":{"id":"ada","name":"Ada Lovelace"},"token":"forged"}')`,
    );
    await page.reload();
    await alert(page, 'Your session is no longer valid.').waitFor();
    expect(await page.evaluate('sessionStorage.length')).toBe(0);
    expect(new Set(problems.splice(0))).toEqual(new Set([expect.stringMatching(/40[13]/)]));
  },
  TEST_MS,
);

test(
  'a refusal of the backend is shown as text next to the form',
  async () => {
    const ada = await signedIn('Ada Lovelace');
    await message(ada, 'alan', '');
    await ada.getByRole('form', { name: 'Message a member' }).getByRole('alert').getByText(/text/i).waitFor();
    expect(problems.splice(0)).toEqual([expect.stringContaining('400')]);
  },
  TEST_MS,
);

test(
  'a new member can be added and signs in at once',
  async () => {
    const page = await open();
    await field(page, 'Name').fill('Katherine Johnson');
    await button(page, 'Add member').click();
    await page.getByText('Katherine Johnson can sign in now.').waitFor();
    await choice(page, 'Katherine Johnson').click();
    await inLobby(page, 'Katherine Johnson').waitFor();
  },
  TEST_MS,
);

test(
  'signing in, sending and deactivating work by keyboard alone',
  async () => {
    const alan = await signedIn('Alan Turing');
    const ada = await open();
    await tabTo(ada, choice(ada, 'Ada Lovelace'));
    await ada.keyboard.press('Enter');
    await inLobby(ada, 'Alan Turing').waitFor();

    await tabTo(ada, field(ada, 'Message'));
    await ada.keyboard.type('No mouse needed');
    await ada.keyboard.press('Enter');
    await log(alan).getByText('Ada Lovelace wrote to you: “No mouse needed”').waitFor();

    await tabTo(ada, button(ada, 'Deactivate…'));
    await ada.keyboard.press('Enter');
    await tabTo(ada, ada.getByRole('dialog').getByRole('button', { name: 'Deactivate' }));
    await ada.keyboard.press('Enter');
    await alert(alan, 'You were deactivated at').waitFor();
  },
  TEST_MS,
);

test(
  'the page fits a screen 360 pixels wide',
  async () => {
    const viewport = { width: 360, height: 740 };
    const page = await open({ viewport });
    await choice(page, 'Ada Lovelace').waitFor();
    expect(await overflow(page)).toBeLessThanOrEqual(0);

    const ada = await signedIn('Ada Lovelace', { viewport });
    await announce(ada, 'Wide'.repeat(60));
    await log(ada).getByText('ANNOUNCED').waitFor();
    expect(await overflow(ada)).toBeLessThanOrEqual(0);
    await button(ada, 'Deactivate…').click();
    await ada.getByRole('dialog').waitFor();
    expect(await overflow(ada)).toBeLessThanOrEqual(0);
  },
  TEST_MS,
);

test(
  'the events stand above the forms on a narrow screen, and beside them on a wide one',
  async () => {
    const place = async (viewport: { width: number; height: number }) => {
      const page = await signedIn('Ada Lovelace', { viewport });
      const form = page.getByRole('form', { name: 'Message a member' });
      const lobbyForm = field(page, 'Say something in the room');
      const [events, first, next] = await Promise.all([log(page), lobbyForm, form].map(boxOf));
      if (!events || !first || !next) throw new Error('Something is not shown.');
      return { events, first, next };
    };
    const narrow = await place({ width: 360, height: 740 });
    expect(narrow.events.y + narrow.events.height).toBeLessThan(narrow.first.y);
    expect(narrow.first.y).toBeLessThan(narrow.next.y);
    expect(narrow.events.y).toBeLessThan(740);

    const wide = await place({ width: 1_280, height: 740 });
    expect(wide.events.x).toBeGreaterThan(wide.next.x + wide.next.width);
    expect(wide.events.y).toBeLessThan(wide.first.y);
  },
  TEST_MS,
);

test(
  'the message of a form goes with the next action',
  async () => {
    const ada = await signedIn('Ada Lovelace');
    await message(ada, 'alan', 'Good morning');
    await ada.getByText('Sent to Alan Turing.').waitFor();
    await announce(ada, 'Tea at four');
    await ada.getByText('Sent to everybody connected.').waitFor();
    expect(await ada.getByText('Sent to Alan Turing.').count()).toBe(0);

    await say(ada, '');
    await alert(ada, 'Write something to say first.').waitFor();
    expect(await ada.getByText('Sent to everybody connected.').count()).toBe(0);
    await field(ada, 'Say something in the room').fill('G');
    await alert(ada, 'Write something to say first.').waitFor({ state: 'detached' });
  },
  TEST_MS,
);

test(
  'the request to connect first goes once there is a connection',
  async () => {
    const ada = await signedIn('Ada Lovelace');
    await button(ada, 'Disconnect').click();
    await say(ada, 'Can you hear me?');
    await alert(ada, 'Connect first').waitFor();
    // As after a lost connection: nobody presses anything.
    await ada.evaluate('Pusher.instances.at(-1).connect()');
    await state(ada, 'Connected').waitFor();
    await alert(ada, 'Connect first').waitFor({ state: 'detached' });
  },
  TEST_MS,
);

test(
  'no message of an earlier session is shown to the next member',
  async () => {
    const page = await open();
    await field(page, 'Name').fill('Katherine Johnson');
    await button(page, 'Add member').click();
    await page.getByText('Katherine Johnson can sign in now.').waitFor();

    await choice(page, 'Ada Lovelace').click();
    await inLobby(page, 'Ada Lovelace').waitFor();
    let answer = (): void => undefined;
    const answered = new Promise<void>((resolve) => (answer = resolve));
    await page.route('**/messages', async (route) => {
      await answered;
      await route.continue();
    });
    const sent = page.waitForResponse('**/messages');
    await message(page, 'alan', 'Too late');
    await button(page, 'Sign out').click();
    await page.getByRole('heading', { name: 'Who are you today?' }).waitFor();
    expect(await page.getByText('Katherine Johnson can sign in now.').count()).toBe(0);

    await choice(page, 'Grace Hopper').click();
    await inLobby(page, 'Grace Hopper').waitFor();
    await field(page, 'Message').fill('A draft of the next member');
    answer();
    await (await sent).finished();
    await page.unroute('**/messages');
    await announce(page, 'That was all');
    await log(page).getByText('Announcement: “That was all”').waitFor();
    expect(await page.getByText('Sent to Alan Turing.').count()).toBe(0);
    expect(await field(page, 'Message').inputValue()).toBe('A draft of the next member');
  },
  TEST_MS,
);

test(
  'the reason why a session ended goes with the next action',
  async () => {
    const [ada, alan] = [await signedIn('Ada Lovelace'), await signedIn('Alan Turing')];
    await deactivate(ada, 'alan');
    const reason = alert(alan, 'You were deactivated at');
    await reason.waitFor();
    await field(alan, 'Name').fill('Katherine Johnson');
    await button(alan, 'Add member').click();
    await alan.getByText('Katherine Johnson can sign in now.').waitFor();
    expect(await reason.isVisible()).toBe(false);
  },
  TEST_MS,
);

test(
  'a failure to load the members goes once they are loaded',
  async () => {
    const page = await open();
    await choice(page, 'Ada Lovelace').click();
    await inLobby(page, 'Ada Lovelace').waitFor();
    await page.route('**/members', (route) => route.abort());
    await button(page, 'Sign out').click();
    await alert(page, 'The backend cannot be reached.').waitFor();
    await page.unroute('**/members');
    await field(page, 'Name').fill('Katherine Johnson');
    await button(page, 'Add member').click();
    await choice(page, 'Katherine Johnson').waitFor();
    await alert(page, 'The backend cannot be reached.').waitFor({ state: 'detached' });
    expect(problems.splice(0)).toEqual([expect.stringContaining('ERR_FAILED')]);
  },
  TEST_MS,
);

test(
  'an inline script is refused by the content policy',
  async () => {
    const page = await open();
    const refused = page.waitForEvent('console', { predicate: (entry) => entry.type() === 'error' });
    await page.evaluate(`{
      const script = document.createElement('script');
      script.textContent = 'window.injected = true';
      document.body.append(script);
    }`);
    await refused;
    expect(await page.evaluate('window.injected')).toBeUndefined();
    expect(problems.splice(0)).toEqual([expect.stringContaining('Content Security Policy')]);
  },
  TEST_MS,
);

test(
  'the page is served with the right headers, and no other file is',
  async () => {
    const served = async (path: string): Promise<[number, string | null]> => {
      const answer = await fetch(`${url}${path}`);
      await answer.arrayBuffer();
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
      expect(answer.headers.get('content-security-policy')).toMatch(/^default-src 'self';/);
      return [answer.status, answer.headers.get('content-type')];
    };
    expect(await served('')).toEqual([200, 'text/html; charset=utf-8']);
    expect(await served('assets/style.css')).toEqual([200, 'text/css; charset=utf-8']);
    expect(await served('assets/page.js')).toEqual([200, 'text/javascript; charset=utf-8']);
    expect(await served('assets/pusher.min.js')).toEqual([200, 'text/javascript; charset=utf-8']);
    expect(await served('assets/switchboard.js')).toEqual([200, 'text/javascript; charset=utf-8']);
    for (const stranger of ['nope.js', 'index.html', '..%2Fpage.controller.js', '__proto__']) {
      expect((await served(`assets/${stranger}`))[0]).toBe(404);
    }
  },
  TEST_MS,
);
