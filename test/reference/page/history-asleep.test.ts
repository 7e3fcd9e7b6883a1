import { launchSleepyChromium } from '../../support/chromium.js';
import {
  announced,
  announceFromElsewhere,
  away,
  forgiveLostConnections,
  heard,
  IMPATIENT,
  inLobby,
  log,
  openTab,
  signedIn,
  signIn,
  start,
  stop,
  TEST_MS,
} from './support.js';

// The laptop of these tests sleeps as far as a browser can tell: none of its processes runs, and when they go on, the clocks have
// jumped and every timer is due at once. Unlike that of a real one, its kernel stays awake, and takes in what still arrives.

/** Measures for how long nothing ran on the page. */
const TICKS = `{
  let last = Date.now();
  globalThis.longestPauseMs = 0;
  setInterval(() => {
    const now = Date.now();
    longestPauseMs = Math.max(longestPauseMs, now - last);
    last = now;
  }, 50);
}`;

test.each(['ws', 'socket-io'])(
  'on %s, a laptop that was asleep until the gateway gave it up hears everything once and in order when it wakes up',
  async (provider) => {
    await stop();
    await start({ SOCKET_PROVIDER: provider, ...IMPATIENT });
    const laptop = await launchSleepyChromium();
    const page = await signIn(await openTab(await laptop.browser.newContext()), 'Ada Lovelace');
    await page.evaluate(TICKS);
    const witness = await signedIn('Alan Turing');
    await announceFromElsewhere('one');
    await log(page).getByText(announced('one')).waitFor();

    laptop.sleep();
    const asleepAt = Date.now();
    // The kernel of the laptop keeps this one for the browser, which hears it before it notices that it was given up.
    await announceFromElsewhere('two');
    await inLobby(witness, 'Ada Lovelace').waitFor({ state: 'detached' });
    await announceFromElsewhere('three');
    await announceFromElsewhere('four');
    const asleepMs = Date.now() - asleepAt;
    laptop.wake();

    await log(page).getByText(announced('four')).waitFor();
    await inLobby(witness, 'Ada Lovelace').waitFor();
    await announceFromElsewhere('five');
    await log(page).getByText(announced('five')).waitFor();
    const [one, two, ...others] = await heard(page);
    expect(one).toBe(announced('one'));
    expect(two).toMatch(/Announcement: “two”$/);
    expect(others).toEqual([away(announced('three')), away(announced('four')), announced('five')]);
    expect(await page.evaluate('longestPauseMs')).toBeGreaterThanOrEqual(asleepMs - 100);
    forgiveLostConnections();
  },
  TEST_MS,
);

test(
  'a laptop that wakes up before anybody has missed it hears everything live',
  async () => {
    const laptop = await launchSleepyChromium();
    const page = await signIn(await openTab(await laptop.browser.newContext()), 'Ada Lovelace');
    laptop.sleep();
    await announceFromElsewhere('one');
    await announceFromElsewhere('two');
    laptop.wake();
    await log(page).getByText(announced('two')).waitFor();
    expect(await heard(page)).toEqual([announced('one'), announced('two')]);
  },
  TEST_MS,
);
