/** The page's element with this id. */
export const $ = (id) => document.getElementById(id);

/** Makes an element with a class and content. Text in it is never read as markup. */
export function element(tag, className, ...content) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...content);
  return node;
}

/** Makes a tag: a word or two about what it stands beside, perhaps in a `tone` of its own. */
export function tag({ text, tone }) {
  const node = element('span', 'tag', text);
  if (tone) node.dataset.tone = tone;
  return node;
}

/** Makes a row for one person: initials, name, an optional second line and optional tags. */
export function personRow(kind, { name, detail, tags = [] }) {
  const initials = name
    .split(/\s+/)
    .map((word) => word[0] ?? '')
    .slice(0, 2)
    .join('')
    .toUpperCase();
  const avatar = element('span', 'avatar', initials);
  avatar.ariaHidden = 'true';
  const label = element('span', 'person-name', name);
  if (detail) label.append(' ', element('small', '', detail));
  const row = element(kind, 'person', avatar, label);
  for (const each of tags) row.append(' ', tag(each));
  return row;
}

/** Shows the result of a form: `good` news, `bad` news, or neither. */
export function feedback(form, { good = '', bad = '' } = {}) {
  form.querySelector('.feedback .bad').textContent = bad;
  const praise = form.querySelector('.feedback .good');
  if (praise) praise.textContent = good;
}

/** Clears the feedback of every form: it is about an earlier action. */
export function clearFeedback() {
  for (const message of document.querySelectorAll('.feedback span')) message.textContent = '';
}

/**
 * Runs `handle` with the form's fields at every submit, one at a time. Its result is shown as good news, its error as bad
 * news, next to the form, until the next action or the next change of a field.
 *
 * @param {() => unknown} owner where its answer differs at the end from that at the submit, the outcome is not shown
 */
export function onSubmit(form, owner, handle) {
  let busy = false;
  form.addEventListener('input', () => feedback(form));
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (busy) return;
    busy = true;
    const submitter = owner();
    const show = (news) => owner() === submitter && feedback(form, news);
    clearFeedback();
    try {
      show({ good: await handle(Object.fromEntries(new FormData(form))) });
    } catch (error) {
      show({ bad: error.message });
    } finally {
      busy = false;
    }
  });
}

/** The time of day, to the second. */
export const clock = (date) =>
  date.toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
