import {
  addMember,
  alert,
  announce,
  boxOf,
  button,
  choice,
  deactivate,
  field,
  heard,
  inLobby,
  log,
  message,
  open,
  overflow,
  problems,
  say,
  signedIn,
  start,
  state,
  stop,
  tabTo,
  TEST_MS,
  url,
} from './support.js';

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
  'a member who disconnects leaves the lobby, and comes back with one press to hear what it has missed',
  async () => {
    const [ada, alan] = [await signedIn('Ada Lovelace'), await signedIn('Alan Turing')];
    await button(alan, 'Disconnect').click();
    await state(alan, 'Disconnected').waitFor();
    await alan.getByText('Connect to see who is here.').waitFor();
    await inLobby(ada, 'Alan Turing').waitFor({ state: 'detached' });
    await message(ada, 'alan', 'Are you there?');
    await ada.getByText('Sent to Alan Turing.').waitFor();
    expect(await log(alan).getByText('Are you there?').count()).toBe(0);

    await button(alan, 'Connect').click();
    await state(alan, 'Connected').waitFor();
    await inLobby(ada, 'Alan Turing').waitFor();
    await inLobby(alan, 'Ada Lovelace').waitFor();
    await message(ada, 'alan', 'Welcome back');
    await log(alan).getByText('Ada Lovelace wrote to you: “Welcome back”').waitFor();
    expect(await heard(alan)).toEqual([
      'while you were away: Ada Lovelace wrote to you: “Are you there?”',
      'Ada Lovelace wrote to you: “Welcome back”',
    ]);
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
    await addMember(page, 'Katherine Johnson');
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
