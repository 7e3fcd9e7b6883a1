import { $, clock, element, tag } from './dom.js';

// The log keeps at most this many events, so that the memory of a tab that stays open does not grow.
const KEPT = 200;

/**
 * Puts an event on top of the log.
 *
 * @param {{ event: string, kind: string, data: unknown, sentence?: string, mark?: { text: string, tone: string } }} entry
 */
export function record({ event, kind, data, sentence, mark }) {
  const now = new Date();
  const time = element('time', '', clock(now));
  time.dateTime = now.toISOString();
  const head = element('div', 'entry-head', element('span', 'entry-name', event), ' ');
  head.append(element('span', 'tag', kind), ' ');
  if (mark) head.append(tag(mark), ' ');
  head.append(time);
  const entry = element('li', 'entry is-new', head);
  if (sentence) entry.append(element('p', '', sentence));
  if (data !== undefined) entry.append(element('pre', '', payload(data)));
  $('log').prepend(entry);
  while ($('log').children.length > KEPT) $('log').lastElementChild.remove();
  $('log-empty').hidden = true;
}

/** Empties the log. */
export function clear() {
  $('log').replaceChildren();
  $('log-empty').hidden = false;
}

function payload(data) {
  const line = JSON.stringify(data);
  return line.length > 80 ? JSON.stringify(data, null, 2) : line;
}
