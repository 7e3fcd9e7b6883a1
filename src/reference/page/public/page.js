import { connect } from './switchboard.js';
import { call } from './api.js';
import { $, clearFeedback, clock, feedback, onSubmit } from './dom.js';
import { hideLobby, showLobby } from './lobby.js';
import { clear, record } from './log.js';
import { showChoices, showRecipients } from './roster.js';

const ROOM = 'presence-lobby';
const STORED = 'switchboard.session';
const STATES = {
  connecting: 'Connecting…',
  connected: 'Connected',
  unavailable: 'Unavailable',
  disconnected: 'Disconnected',
  failed: 'Failed',
};

/**
 * The session of this tab: `{ member, token, end, socket, refusal, deactivatedAt }`; `undefined` while signed out. `end` is the
 * `AbortController` that ends its connection.
 */
let session;
let members = [];
let provider;
let broadcastChannel;

// Signing in and out

async function signIn(member) {
  clearFeedback();
  showFarewell('');
  try {
    const { token } = await call('POST', '/session', { body: { memberId: member.id } });
    enter({ id: member.id, name: member.name }, token);
    $('me').focus();
  } catch (error) {
    $('choices-error').textContent = error.message;
    await loadMembers();
  }
}

function enter(member, token) {
  session = { member, token, end: new AbortController() };
  sessionStorage.setItem(STORED, JSON.stringify(session));
  $('me').textContent = member.name;
  $('my-id').textContent = member.id;
  document.title = `${member.name} · Switchboard`;
  for (const form of document.querySelectorAll('#desk form')) form.reset();
  clearFeedback();
  showTrouble('');
  showDesk(true);
  void loadMembers();
  void open();
}

function leave(why) {
  const { end } = session;
  // Cleared first, so that the handlers ignore the last events of the socket.
  session = undefined;
  end.abort();
  // The positions too: the next member of this tab begins with what is live.
  sessionStorage.clear();
  $('confirm').close();
  clear();
  document.title = 'Switchboard';
  showState('disconnected');
  showDesk(false);
  showFarewell(why);
  clearFeedback();
  $('welcome-title').focus();
  void loadMembers();
}

/** Says why the session ended, until the next action. */
function showFarewell(why) {
  $('farewell').textContent = why;
  $('farewell').hidden = !why;
}

function showDesk(on) {
  $('desk').hidden = !on;
  $('welcome').hidden = on;
}

// The connection

async function open() {
  const mine = session;
  showState('connecting');
  try {
    await configured;
    mine.socket = await connect(provider === 'socket-io' ? window.io : window.Pusher, {
      headers: { Authorization: `Bearer ${mine.token}` },
      // This tab goes on where it left when it is loaded again.
      storage: sessionStorage,
      signal: mine.end.signal,
    });
    listen(mine);
  } catch (error) {
    if (session !== mine) return;
    if (isRefusal(error)) return leave('Your session is no longer valid. Please sign in again.');
    showState('disconnected');
    showTrouble(error.message);
  }
}

function listen(mine) {
  const { pusher } = mine.socket;
  const room = mine.socket.channel(ROOM);
  const ifMine =
    (handle) =>
    (...args) =>
      session === mine && handle(...args);

  pusher.connection.bind('message', ifMine(logFrame));
  pusher.connection.bind('error', ifMine(onConnectionError));
  pusher.connection.bind('state_change', ifMine(onStateChange));
  pusher.user.bind('pusher:signin_error', ifMine(onAuthError));
  room.bind('pusher:subscription_error', ifMine(onAuthError));

  mine.socket.onGap(ifMine(recordGap));
  mine.socket.onMember('MEMBER_DEACTIVATED', ({ occurredAt }) => (mine.deactivatedAt = occurredAt));

  const onRoomChange = ifMine(() => {
    showLobby(room);
    void loadMembers();
  });
  for (const change of ['subscription_succeeded', 'member_added', 'member_removed']) {
    room.bind(`pusher:${change}`, onRoomChange);
  }
  showState(pusher.connection.state);
  if (room.subscribed) showLobby(room);
}

function onStateChange({ current }) {
  showState(current);
  // The client stays disconnected only after a refusal by the server; it repairs every other loss by itself.
  if (current !== 'disconnected' || !session.refusal) return;
  const { deactivatedAt, refusal } = session;
  leave(
    deactivatedAt
      ? `You were deactivated at ${clock(new Date(deactivatedAt))}. This tab was disconnected, and you cannot sign in again.`
      : `The server ended your session: ${refusal}`,
  );
}

function onConnectionError(error) {
  const { code, message } = error.data ?? error.error?.data ?? {};
  if (!message) return;
  if (code === 4009) session.refusal = message;
  // Codes up to 4299 are about the connection. Higher ones answer a client event, which here is a message in the room.
  if (code >= 1000 && code < 4300) showTrouble(`${message} (${code})`);
  else feedback($('say'), { bad: `Refused by the server: ${message}${code ? ` (${code})` : ''}` });
}

function onAuthError(error) {
  if (isRefusal(error)) leave('Your session is no longer valid. Please sign in again.');
  else
    showTrouble(`The backend could not authorize this tab${error.status ? ` (HTTP ${error.status})` : ''}.`);
}

const isRefusal = ({ status }) => status === 401 || status === 403;

function showState(state) {
  const connected = state === 'connected';
  const opening = state === 'connecting' && !session?.socket;
  $('state').dataset.state = state;
  $('state').textContent = STATES[state] ?? state;
  $('link').textContent = opening ? 'Connecting…' : isOff(state) ? 'Connect' : 'Disconnect';
  // Not `disabled`, because the button would lose the focus when it is pressed.
  $('link').ariaDisabled = String(opening);
  $('socket').textContent = connected ? `socket ${session.socket.pusher.connection.socket_id}` : 'no socket';
  if (!connected) hideLobby(isOff(state) ? 'Connect to see who is here.' : 'Waiting for the connection…');
  if (connected) {
    showTrouble('');
    // It may say that there is no connection.
    feedback($('say'));
  }
  // Whoever is connected again may be on another node.
  if (connected) void showNode();
  if (state === 'unavailable') showTrouble('The connection is lost. This tab keeps trying to get it back.');
}

/** Shows the name of the node that answers this tab. A single node has no name, and hosted Pusher has no nodes. */
async function showNode() {
  if (provider !== 'ws' && provider !== 'socket-io') return;
  // After a failure the old name stays; the failure itself is shown elsewhere.
  const { node } = await call('GET', '/health').catch(() => ({ node: $('node').textContent }));
  $('node').textContent = node ?? '';
  $('node-line').hidden = !node;
}

const showTrouble = (text) => ($('trouble').textContent = text);

const isOff = (state) => state === 'disconnected' || state === 'failed';

function toggleConnection() {
  if ($('link').ariaDisabled === 'true') return;
  const pusher = session.socket?.pusher;
  clearFeedback();
  showTrouble('');
  if (!pusher) return void open();
  if (isOff(pusher.connection.state)) return pusher.connect();
  session.refusal = undefined;
  pusher.disconnect();
}

// The log

const SENTENCES = {
  'pusher:error': ({ data }) => data.message,
  MEMBER_MESSAGED: ({ data }) => `${nameOf(data.from)} wrote to you: “${data.text}”`,
  MEMBER_DEACTIVATED: ({ data }) => `You were deactivated at ${clock(new Date(data.occurredAt))}.`,
  ANNOUNCED: ({ data }) => `Announcement: “${data.message}”`,
  'client-said': ({ data, user_id }) => `${nameOf(user_id)} said in the room: “${data.text}”`,
  'pusher:subscription_succeeded': ({ channel }) => (channel === ROOM ? 'You joined the lobby.' : undefined),
  'pusher:member_added': ({ data }) => `${data.user_info?.name ?? data.user_id} joined the lobby.`,
  'pusher:member_removed': ({ data }) => `${nameOf(data.user_id)} left the lobby.`,
};

function logFrame(frame) {
  const { event, channel, data, caughtUp } = frame;
  if (event === 'pusher:pong') return;
  const name = event.replace(/^pusher_internal:/, 'pusher:');
  record({
    event: name,
    kind: kindOf(channel),
    data,
    sentence: data && SENTENCES[name]?.(frame),
    mark: caughtUp && { text: 'while you were away', tone: 'accent' },
  });
}

const GAPS = {
  trimmed: 'You were away for longer than the backend keeps events.',
  restarted: 'The backend was restarted, and has lost its events.',
  refused: 'The backend does not admit you any more.',
  unreachable: 'The backend cannot say what happened while you were away.',
};

/** Says that events are missing, and the remedy. There is nothing to load again: the rest of the page is the present state. */
function recordGap(channel, reason) {
  const isOwn = channel === 'members';
  const missed = isOwn ? 'a message to you' : 'an announcement';
  record({
    event: 'gap',
    kind: isOwn ? 'member' : channel,
    data: { channel, reason },
    sentence: `${GAPS[reason]} You may have missed ${missed}. Ask the other members to send it again.`,
    mark: { text: 'events are missing', tone: 'warn' },
  });
}

function kindOf(channel) {
  if (!channel) return 'connection';
  if (channel.startsWith('#server-to-user-')) return 'member';
  return channel === broadcastChannel ? 'broadcast' : channel;
}

const nameOf = (id) => members.find((member) => member.id === id)?.name ?? id;

// Members

let loads = 0;
/** Why the members could not be loaded. */
let loadProblem;

async function loadMembers() {
  const turn = ++loads;
  try {
    const loaded = await call('GET', '/members');
    // An older answer that comes late must not replace a newer one.
    if (turn !== loads) return;
    members = loaded;
    if ($('choices-error').textContent === loadProblem) $('choices-error').textContent = '';
    showChoices(members, signIn);
    if (session) showRecipients(members, session.member.id);
  } catch (error) {
    loadProblem = error.message;
    $('choices-error').textContent = loadProblem;
  }
}

/** Calls the backend as the member who is signed in. Rejects too when that member has signed out in the meantime. */
async function ask(method, path, body) {
  const mine = session;
  const connection = mine.socket?.pusher.connection;
  const socketId = connection?.state === 'connected' ? connection.socket_id : undefined;
  try {
    const answer = await call(method, path, { body, token: mine.token, socketId });
    if (session !== mine) throw new Error('Signed out.');
    return answer;
  } catch (error) {
    if (error.status === 401 && session === mine)
      leave('Your session is no longer valid. Please sign in again.');
    throw error;
  }
}

function confirmed(name) {
  const dialog = $('confirm');
  $('confirm-name').textContent = name;
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'deactivate'), { once: true });
  });
}

// Actions

const signedIn = () => session;

onSubmit($('create'), signedIn, async ({ name }) => {
  showFarewell('');
  const created = await call('POST', '/members', { body: { name: name.trim() } });
  $('create-name').value = '';
  await loadMembers();
  return `${created?.name ?? name} can sign in now.`;
});

onSubmit($('say'), signedIn, ({ text }) => {
  if (session.socket?.pusher.connection.state !== 'connected')
    throw new Error('Connect first: room talk needs a connection.');
  if (!text.trim()) throw new Error('Write something to say first.');
  session.socket.channel(ROOM).trigger('client-said', { text });
  // The server does not send a client event back to its sender.
  record({
    event: 'client-said',
    kind: 'sent by you',
    data: { text },
    sentence: `You said in the room: “${text}”`,
  });
  $('say-text').value = '';
});

onSubmit($('message'), signedIn, async ({ to, text }) => {
  await ask('POST', `/members/${encodeURIComponent(to)}/messages`, { text });
  $('message-text').value = '';
  return `Sent to ${nameOf(to)}.`;
});

onSubmit($('broadcast'), signedIn, async ({ message }) => {
  await ask('POST', '/broadcast', { message });
  $('broadcast-message').value = '';
  return 'Sent to everybody connected.';
});

onSubmit($('deactivate'), signedIn, async ({ who }) => {
  const name = nameOf(who);
  if (!(await confirmed(name))) return '';
  await ask('POST', `/members/${encodeURIComponent(who)}/deactivate`);
  await loadMembers();
  return `${name} is deactivated.`;
});

$('link').addEventListener('click', toggleConnection);
$('sign-out').addEventListener('click', () => leave(''));
$('clear').addEventListener('click', clear);

// Start

const configured = call('GET', '/socket/config').then(
  (config) => {
    ({ provider, broadcastChannel } = config);
    $('provider').textContent = provider;
    void showNode();
  },
  () => ($('provider').textContent = 'unknown'),
);

const stored = JSON.parse(sessionStorage.getItem(STORED));
if (stored) {
  enter(stored.member, stored.token);
} else {
  showDesk(false);
  void loadMembers();
}
