import { $, element, personRow } from './dom.js';

/** Shows everybody who can sign in, as buttons; `choose` gets the member picked. */
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

/** Offers the active members in both selects, yourself last, and keeps what was selected. */
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
  // An open list would close under the user's hand if it were filled again with the same.
  const before = [...select.options].map(({ value, text }) => value + text).join();
  if (before === people.map(({ id, name }) => id + name).join()) return;
  const selected = select.value;
  select.replaceChildren(...people.map(({ id, name }) => new Option(name, id)));
  if (people.some(({ id }) => id === selected)) select.value = selected;
}
