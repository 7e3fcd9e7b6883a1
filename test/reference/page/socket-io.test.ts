import {
  announce,
  button,
  deactivate,
  inLobby,
  log,
  message,
  open,
  say,
  signedIn,
  start,
  state,
  stop,
  TEST_MS,
} from './support.js';

// The same page, by the environment alone: `connect(io)` instead of `connect(Pusher)`.
beforeEach(async () => {
  await stop();
  await start({ SOCKET_PROVIDER: 'socket-io' });
}, TEST_MS);

test(
  'members see each other come and leave, write to each other, and hear what is announced',
  async () => {
    const ada = await signedIn('Ada Lovelace');
    await ada.getByText('Provider socket-io').waitFor();
    await ada.getByText(/socket \d+\.\d+/).waitFor();
    await inLobby(ada, 'Ada Lovelace').getByText('you', { exact: true }).waitFor();
    const alan = await signedIn('Alan Turing');
    await log(ada).getByText('Alan Turing joined the lobby.').waitFor();

    await message(ada, 'alan', 'How is the machine?');
    await log(alan).getByText('Ada Lovelace wrote to you: “How is the machine?”').waitFor();
    await say(alan, 'It works');
    await log(ada).getByText('Alan Turing said in the room: “It works”').waitFor();
    await announce(ada, 'Lunch');
    for (const page of [ada, alan]) await log(page).getByText('Announcement: “Lunch”').waitFor();

    await alan.context().close();
    await log(ada).getByText('Alan Turing left the lobby.').waitFor();
  },
  TEST_MS,
);

test(
  'a tab that is disconnected connects again, and is in the lobby',
  async () => {
    const page = await signedIn('Ada Lovelace');
    await button(page, 'Disconnect').click();
    await state(page, 'Disconnected').waitFor();
    await button(page, 'Connect').click();
    await state(page, 'Connected').waitFor();
    await inLobby(page, 'Ada Lovelace').waitFor();
  },
  TEST_MS,
);

test(
  'a member who is deactivated is signed out in every tab',
  async () => {
    const [ada, alan] = [await signedIn('Ada Lovelace'), await signedIn('Alan Turing')];
    await deactivate(ada, 'alan');
    await alan.getByText(/You were deactivated at/).waitFor();
    await inLobby(ada, 'Alan Turing').waitFor({ state: 'detached' });
    await (await open()).getByText('Provider socket-io').waitFor();
  },
  TEST_MS,
);
