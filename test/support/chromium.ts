import sparticuz from '@sparticuz/chromium';
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium } from 'playwright-core';
import { onTeardown } from './teardown.js';

/** Milliseconds for a test with a real browser on a busy machine. */
export const BROWSER_TEST_MS = 90_000;

const options = async () => ({
  executablePath: await sparticuz.executablePath(),
  args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking'],
  headless: true,
});

/** Starts a headless browser. Its caller closes it. */
export async function launchChromium(): Promise<Browser> {
  return chromium.launch(await options());
}

/** A browser on a machine that can be put to sleep. */
export interface SleepyChromium {
  readonly browser: Browser;
  /** Stops all processes of the browser. Nothing in it runs until it wakes up, and nothing can be asked of it. */
  sleep(): void;
  /** Has them go on. The clocks have gone on meanwhile, so every timer is due. */
  wake(): void;
}

/** Starts a headless browser that can be put to sleep. Closed after the test. */
export async function launchSleepyChromium(): Promise<SleepyChromium> {
  const server = await chromium.launchServer(await options());
  const { pid } = server.process();
  if (pid === undefined) throw new Error('The browser has no process.');
  // Playwright starts the browser as the leader of a process group, to which all its processes belong.
  const signal = (name: NodeJS.Signals) => process.kill(-pid, name);
  onTeardown(async () => {
    signal('SIGCONT');
    await server.close();
  });
  return {
    browser: await chromium.connect(server.wsEndpoint()),
    sleep: () => signal('SIGSTOP'),
    wake: () => signal('SIGCONT'),
  };
}

/** Starts one for the tests of this file. The returned function opens a profile that its test alone has. */
export function useChromium(): (options?: BrowserContextOptions) => Promise<BrowserContext> {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium();
  }, BROWSER_TEST_MS);
  afterAll(() => browser.close());
  afterEach(async () => {
    await Promise.all(browser.contexts().map((context) => context.close()));
  });
  return (options) => browser.newContext(options);
}
