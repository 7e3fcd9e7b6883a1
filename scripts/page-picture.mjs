// Makes docs/live-page.png, the README's picture of the live page in two tabs: npm run build && node scripts/page-picture.mjs
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import sparticuz from '@sparticuz/chromium';
import { chromium } from 'playwright-core';

const BACKEND = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const PICTURE = fileURLToPath(new URL('../docs/live-page.png', import.meta.url));
/** The size of one tab's page. */
const TAB = { width: 520, height: 724 };
const TIMEOUT_MS = 20_000;

const backend = spawn(process.execPath, [BACKEND], {
  // The shell's own settings must not decide what the picture shows.
  env: { PATH: process.env['PATH'], PORT: '0', NO_COLOR: '1' },
  stdio: ['ignore', 'pipe', 'inherit'],
});
const browser = await chromium.launch({
  executablePath: await sparticuz.executablePath(),
  args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
  headless: true,
});
try {
  const url = await pageUrl();
  const ada = await signIn(url, 'Ada Lovelace');
  const alan = await signIn(url, 'Alan Turing');
  const logOf = (tab) => tab.getByRole('log', { name: 'Events' });
  await logOf(ada).getByText('Alan Turing joined the lobby.').waitFor();

  await ada.getByLabel('Message', { exact: true }).fill('Can machines think?');
  await ada.getByRole('button', { name: 'Send', exact: true }).click();
  await logOf(alan).getByText('“Can machines think?”').waitFor();
  await alan.getByLabel('To', { exact: true }).selectOption('ada');
  await alan.getByLabel('Message', { exact: true }).fill('Ask me again in 2050.');
  await alan.getByRole('button', { name: 'Send', exact: true }).click();
  await logOf(ada).getByText('“Ask me again in 2050.”').waitFor();

  writeFileSync(PICTURE, await sideBySide(await tabPicture(ada), await tabPicture(alan)));
} finally {
  await browser.close();
  const ended = once(backend, 'exit');
  backend.kill('SIGTERM');
  await ended;
}

/** The address of the live page, as the backend prints it. */
async function pageUrl() {
  for await (const line of createInterface({ input: backend.stdout })) {
    const url = /live page is at (\S+)/.exec(line)?.[1];
    if (url) {
      backend.stdout.resume();
      return url;
    }
  }
  throw new Error('The backend ended before it was ready. Is it built?');
}

/** Opens a tab, and signs in as a member there. */
async function signIn(url, name) {
  const context = await browser.newContext({
    viewport: TAB,
    colorScheme: 'light',
    reducedMotion: 'reduce',
    locale: 'en-GB',
  });
  context.setDefaultTimeout(TIMEOUT_MS);
  const tab = await context.newPage();
  await tab.goto(url);
  await tab.getByRole('button', { name }).click();
  await tab.getByRole('list', { name: 'In the lobby' }).getByText(name).waitFor();
  return tab;
}

/** A tab's title and its page, as a data URL. */
async function tabPicture(tab) {
  await tab.evaluate('document.activeElement?.blur(); window.scrollTo(0, 0)');
  const png = await tab.screenshot();
  return { title: await tab.title(), source: `data:image/png;base64,${png.toString('base64')}` };
}

/** One picture of several tabs, each in the frame of a browser. */
async function sideBySide(...tabs) {
  const page = await browser.newPage({ viewport: { width: 1_120, height: 820 } });
  const frames = tabs.map(
    ({ title, source }) => `<figure><figcaption>${title}</figcaption><img src="${source}"></figure>`,
  );
  await page.setContent(`<!doctype html><style>
    body { display: inline-flex; gap: 24px; margin: 0; padding: 16px; background: #fff; font: 13px sans-serif; color: #161a21 }
    figure { margin: 0; border: 1px solid #c9d0d9; border-radius: 10px; overflow: hidden }
    figcaption { padding: 9px 14px; background: #e1e5ea }
    img { display: block; width: ${TAB.width}px; height: ${TAB.height}px }
  </style>${frames.join('')}`);
  return page.locator('body').screenshot();
}
