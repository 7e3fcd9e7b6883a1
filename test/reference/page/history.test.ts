import { setTimeout as pause } from 'node:timers/promises';
import {
  announce,
  announced,
  announceFromElsewhere,
  away,
  button,
  forgiveLostConnections,
  heard,
  IMPATIENT,
  inLobby,
  log,
  message,
  signedIn,
  signIn,
  start,
  state,
  stop,
  TEST_MS,
  url,
} from './support.js';

const wrote = (text: string) => `Ada Lovelace wrote to you: “${text}”`;

describe.each(['ws', 'socket-io'])('On %s', (provider) => {
  beforeEach(async () => {
    await stop();
    await start({ SOCKET_PROVIDER: provider, ...IMPATIENT });
  }, TEST_MS);

  test(
    'a page whose network was off hears what it has missed, once and in order, and marked as such',
    async () => {
      const [ada, alan] = [await signedIn('Ada Lovelace'), await signedIn('Alan Turing')];
      await message(ada, 'alan', 'one');
      await log(alan).getByText(wrote('one')).waitFor();

      await alan.context().setOffline(true);
      await inLobby(ada, 'Alan Turing').waitFor({ state: 'detached' });
      for (const text of ['two', 'three', 'four']) {
        await message(ada, 'alan', text);
        await ada.getByText('Sent to Alan Turing.').waitFor();
      }
      await alan.context().setOffline(false);
      await log(alan).getByText(wrote('four')).waitFor();
      await inLobby(ada, 'Alan Turing').waitFor();

      await message(ada, 'alan', 'five');
      await log(alan).getByText(wrote('five')).waitFor();
      expect(await heard(alan)).toEqual([
        wrote('one'),
        ...['two', 'three', 'four'].map((text) => away(wrote(text))),
        wrote('five'),
      ]);
      forgiveLostConnections();
    },
    TEST_MS,
  );

  test(
    'a tab that is loaded again goes on where it left',
    async () => {
      const alan = await signedIn('Alan Turing');
      await announceFromElsewhere('one');
      await log(alan).getByText(announced('one')).waitFor();

      await alan.goto('about:blank');
      await announceFromElsewhere('two');
      await alan.goto(url);
      await log(alan).getByText(announced('two')).waitFor();
      await announceFromElsewhere('three');
      await log(alan).getByText(announced('three')).waitFor();
      expect(await heard(alan)).toEqual([away(announced('two')), announced('three')]);

      // It knows that one now.
      await alan.reload();
      await inLobby(alan, 'Alan Turing').waitFor();
      await announceFromElsewhere('four');
      await log(alan).getByText(announced('four')).waitFor();
      expect(await heard(alan)).toEqual([announced('four')]);
    },
    TEST_MS,
  );
});

/** Writes down in the tab's own storage what its log was ever given, however often the page is loaded. */
const WRITE_DOWN = `new MutationObserver((changes) => {
  const texts = changes.flatMap(({ addedNodes }) => [...addedNodes]).flatMap(({ textContent }) => {
    const n = /Announcement: “(\\d+)”/.exec(textContent)?.[1];
    return n ? [Number(n)] : [];
  });
  const all = JSON.parse(sessionStorage.getItem('written down') ?? '[]');
  sessionStorage.setItem('written down', JSON.stringify([...all, ...texts]));
}).observe(document, { childList: true, subtree: true })`;

test(
  'a tab that is loaded again and again in the middle of events hears each of them once and in order',
  async () => {
    await stop();
    await start({ SOCKET_HISTORY_EVENTS: '0' });
    const page = await signedIn('Ada Lovelace');
    await page.context().addInitScript(WRITE_DOWN);
    await page.reload();
    await inLobby(page, 'Ada Lovelace').waitFor();

    const over = new AbortController();
    let count = 0;
    const announcing = (async () => {
      while (!over.signal.aborted) {
        await announceFromElsewhere(String(count++));
        await pause(5);
      }
    })();
    for (let loads = 0; loads < 5; loads++) {
      await page.reload();
      await inLobby(page, 'Ada Lovelace').waitFor();
    }
    over.abort();
    await announcing;
    await log(page)
      .getByText(announced(String(count - 1)))
      .waitFor();
    const writtenDown = await page.evaluate<string>(`sessionStorage.getItem('written down')`);
    expect(JSON.parse(writtenDown)).toEqual(Array.from({ length: count }, (_, n) => n));
  },
  TEST_MS,
);

test(
  'a page that was away for too long says that events are missing and how to get them, and none of them is shown',
  async () => {
    await stop();
    await start({ SOCKET_HISTORY_EVENTS: '2' });
    const alan = await signedIn('Alan Turing');
    await announceFromElsewhere('one');
    await log(alan).getByText(announced('one')).waitFor();
    await button(alan, 'Disconnect').click();
    await state(alan, 'Disconnected').waitFor();
    for (const text of ['two', 'three', 'four']) await announceFromElsewhere(text);

    await button(alan, 'Connect').click();
    const gap =
      'You were away for longer than the backend keeps events. You may have missed an announcement. Ask the other members to send it again.';
    await log(alan).getByText(gap).waitFor();
    await announceFromElsewhere('five');
    await log(alan).getByText(announced('five')).waitFor();
    expect(await heard(alan)).toEqual([announced('one'), `events are missing: ${gap}`, announced('five')]);
  },
  TEST_MS,
);

test(
  'a page says that the backend has lost its events with its memory, once for each channel',
  async () => {
    const alan = await signedIn('Alan Turing');
    await announceFromElsewhere('one');
    await log(alan).getByText(announced('one')).waitFor();
    await stop();
    await start({ PORT: new URL(url).port });
    await inLobby(alan, 'Alan Turing').waitFor();
    await announceFromElsewhere('two');
    await log(alan).getByText(announced('two')).waitFor();
    const lines = await heard(alan);
    expect([lines.at(0), lines.at(-1)]).toEqual([announced('one'), announced('two')]);
    // The channels do not wait for each other.
    expect(lines.slice(1, -1).sort()).toEqual(
      ['a message to you', 'an announcement'].map(
        (missed) =>
          `events are missing: The backend was restarted, and has lost its events. You may have missed ${missed}. Ask the other members to send it again.`,
      ),
    );
    forgiveLostConnections();
  },
  TEST_MS,
);

test(
  'the next member who signs in on a tab begins with what is live',
  async () => {
    const [page, other] = [await signedIn('Ada Lovelace'), await signedIn('Alan Turing')];
    await announce(other, 'For Ada');
    await log(page).getByText(announced('For Ada')).waitFor();
    await button(page, 'Sign out').click();
    await announce(other, 'For nobody');
    await log(other).getByText(announced('For nobody')).waitFor();

    await signIn(page, 'Grace Hopper');
    await announce(other, 'For Grace');
    await log(page).getByText(announced('For Grace')).waitFor();
    expect(await heard(page)).toEqual([announced('For Grace')]);
  },
  TEST_MS,
);
