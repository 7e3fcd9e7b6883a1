import type { BrowserContext, Page } from 'playwright-core';
import { Heard } from '../../browser/history/heard.js';
import {
  announced,
  announceFromElsewhere,
  away,
  forgiveLostConnections,
  heard,
  IMPATIENT,
  inLobby,
  log,
  open,
  openTab,
  signedIn,
  signIn,
  start,
  stop,
  TEST_MS,
  url,
} from './support.js';

test(
  'two tabs of one member hear each event once, also what both have missed',
  async () => {
    await stop();
    await start(IMPATIENT);
    const witness = await signedIn('Alan Turing');
    const first = await signedIn('Ada Lovelace');
    const browser = first.context();
    const tabs = [first, await signIn(await openTab(browser), 'Ada Lovelace')];
    await announceFromElsewhere('one');
    for (const tab of tabs) await log(tab).getByText(announced('one')).waitFor();

    await browser.setOffline(true);
    await inLobby(witness, 'Ada Lovelace').waitFor({ state: 'detached' });
    await announceFromElsewhere('two');
    await announceFromElsewhere('three');
    await browser.setOffline(false);
    for (const tab of tabs) {
      await log(tab).getByText(announced('three')).waitFor();
      expect(await heard(tab)).toEqual([announced('one'), away(announced('two')), away(announced('three'))]);
    }
    forgiveLostConnections();
  },
  TEST_MS,
);

test(
  'a tab with `sessionStorage` goes on where it left, whatever the other tab has heard meanwhile',
  async () => {
    const stays = await signedIn('Ada Lovelace');
    const goes = await signIn(await openTab(stays.context()), 'Ada Lovelace');
    await announceFromElsewhere('one');
    for (const tab of [stays, goes]) await log(tab).getByText(announced('one')).waitFor();

    await goes.goto('about:blank');
    await announceFromElsewhere('two');
    await log(stays).getByText(announced('two')).waitFor();
    await goes.goto(url);
    await log(goes).getByText(announced('two')).waitFor();
    await announceFromElsewhere('three');
    for (const tab of [stays, goes]) await log(tab).getByText(announced('three')).waitFor();
    expect(await heard(stays)).toEqual(['one', 'two', 'three'].map(announced));
    expect(await heard(goes)).toEqual([away(announced('two')), announced('three')]);
  },
  TEST_MS,
);

/** A page of another application on the same backend, whose tabs share their positions. */
const SHARING = `(async () => {
  const { connect } = await import('./assets/switchboard.js');
  const { pusher, onGap } = await connect(Pusher, { guest: true, storage: localStorage });
  onGap((channel, reason) => tell('gap: ' + reason));
  pusher.connection.bind('message', ({ event, data, caughtUp }) => {
    if (event === 'ANNOUNCED') tell((caughtUp ? 'while you were away: ' : '') + data.message);
  });
})()`;

async function sharingTab(context: BrowserContext): Promise<{ page: Page; heard: Heard }> {
  const page = await openTab(context);
  const heard = new Heard();
  await page.exposeFunction('tell', heard.hear);
  await page.evaluate(SHARING);
  return { page, heard };
}

test(
  'tabs that share `localStorage` hear each event once, and one that comes later goes on where they left',
  async () => {
    const context = (await open()).context();
    const [one, other] = [await sharingTab(context), await sharingTab(context)];
    await announceFromElsewhere('1');
    for (const { heard } of [one, other]) await heard.until(1);
    await other.page.close();
    await announceFromElsewhere('2');
    await one.heard.until(2);

    // Another has heard these, so they are known.
    const later = await sharingTab(context);
    await announceFromElsewhere('3');
    for (const { heard } of [one, later]) await heard.until(heard === later.heard ? 1 : 3);
    await one.page.close();
    await later.page.close();

    await announceFromElsewhere('4');
    const last = await sharingTab(context);
    await last.heard.until(1);
    await announceFromElsewhere('5');
    await last.heard.until(2);
    expect([one, other, later, last].map(({ heard }) => heard.all)).toEqual([
      ['1', '2', '3'],
      ['1'],
      ['3'],
      ['while you were away: 4', '5'],
    ]);
  },
  TEST_MS,
);
