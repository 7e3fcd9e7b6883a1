import { $, element, personRow } from './dom.js';

/** Shows the members as buttons to sign in with. `choose` gets the chosen member. */
export function showChoices(members, choose) {
  $('choices').ariaBusy = 'false';
  $('choices').replaceChildren(
    ...members.map((member) => {
      const button = personRow('button', { name: member.name, detail: member.id, tags: tagsOf(member) });
      button.type = 'button';
      button.disabled = member.status !== 'active';
      if (!button.disabled) button.append(' ', element('span', 'go', 'Sign in'));
      button.addEventListener('click', () => choose(member));
      return element('li', '', button);
    }),
  );
}

function tagsOf({ status, online }) {
  if (status !== 'active') return [{ text: 'deactivated' }];
  return online ? [{ text: 'online', tone: 'good' }] : [];
}

/** Offers the active members in both selects, this tab's own last, and keeps the selection. */
export function showRecipients(members, myId) {
  const active = members.filter(({ status }) => status === 'active');
  const others = active.filter(({ id }) => id !== myId);
  const me = active.filter(({ id }) => id === myId);
  offer($('message-to'), [
    ...others,
    ...me.map(({ id, name }) => ({ id, name: `${name} (your other tabs)` })),
  ]);
  offer($('deactivate-who'), [...others, ...me.map(({ id, name }) => ({ id, name: `${name} (you)` }))]);
}

function offer(select, people) {
  // Filling it again would close a list that the user has open, so the same options are left alone.
  const before = [...select.options].map(({ value, text }) => value + text).join();
  if (before === people.map(({ id, name }) => id + name).join()) return;
  const selected = select.value;
  select.replaceChildren(...people.map(({ id, name }) => new Option(name, id)));
  if (people.some(({ id }) => id === selected)) select.value = selected;
}
