import {
  addMember,
  alert,
  announce,
  button,
  choice,
  deactivate,
  field,
  inLobby,
  log,
  message,
  open,
  problems,
  say,
  signedIn,
  state,
  TEST_MS,
} from './support.js';

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
    await addMember(page, 'Katherine Johnson');
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
    await addMember(alan, 'Katherine Johnson');
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
    await addMember(page, 'Katherine Johnson');
    await choice(page, 'Katherine Johnson').waitFor();
    await alert(page, 'The backend cannot be reached.').waitFor({ state: 'detached' });
    expect(problems.splice(0)).toEqual([expect.stringContaining('ERR_FAILED')]);
  },
  TEST_MS,
);
