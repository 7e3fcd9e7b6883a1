import { $, personRow } from './dom.js';

/**
 * Shows the members in the room: this tab's own first, then the others by name.
 *
 * @param {{ members: { count: number, each: Function, myID: string } }} room a joined presence channel
 */
export function showLobby({ members }) {
  const here = [];
  members.each(({ id, info }) => here.push({ name: info?.name ?? id, me: id === members.myID }));
  here.sort((a, b) => Number(b.me) - Number(a.me) || a.name.localeCompare(b.name));

  $('lobby-count').textContent = `· ${members.count} online`;
  $('lobby-note').textContent =
    members.count === 1 ? 'Nobody else yet. Open a second tab and sign in as somebody else.' : '';
  $('lobby').replaceChildren(
    ...here.map(({ name, me }) =>
      personRow('li', { name, tags: me ? [{ text: 'you', tone: 'accent' }] : [] }),
    ),
  );
}

/** Empties the list of the room, and shows the reason. */
export function hideLobby(why) {
  $('lobby-count').textContent = '';
  $('lobby-note').textContent = why;
  $('lobby').replaceChildren();
}
