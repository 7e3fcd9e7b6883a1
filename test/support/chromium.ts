import sparticuz from '@sparticuz/chromium';
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium } from 'playwright-core';

/** Milliseconds for a test with a real browser on a busy machine. */
export const BROWSER_TEST_MS = 90_000;

/** Starts a headless browser. Its caller closes it. */
export async function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: await sparticuz.executablePath(),
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking'],
    headless: true,
  });
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
