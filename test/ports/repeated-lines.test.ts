import { ManualClock } from '../../src/adapters/memory/manual-clock.js';
import type { LogFields } from '../../src/ports/logger.js';
import { RepeatedLines } from '../../src/ports/repeated-lines.js';

const KIND = 'Relays were lost';

function start() {
  const clock = new ManualClock();
  const lines: [level: string, message: string, fields?: LogFields][] = [];
  const to =
    (level: string) =>
    (message: string, ...fields: [LogFields?]) =>
      void lines.push([level, message, ...fields]);
  const logger = { log: to('log'), warn: to('warn'), error: to('error') };
  return { clock, lines, repeated: new RepeatedLines(logger, clock) };
}

test('single lines are written at once, as they are, and nothing more is said of them', () => {
  const { clock, lines, repeated } = start();
  repeated.error(KIND, 'Relay 1 was lost', { id: '1' });
  repeated.warn('Others', 'Something else');
  clock.advance(60_000);
  repeated.error(KIND, 'Relay 2 was lost', { id: '2' });
  clock.advance(60_000);
  expect(lines).toEqual([
    ['error', 'Relay 1 was lost', { id: '1' }],
    ['warn', 'Something else'],
    ['error', 'Relay 2 was lost', { id: '2' }],
  ]);
});

test('of thousands the first are written, then their number and the last of them, and in the end that it is over', () => {
  const { clock, lines, repeated } = start();
  for (let number = 1; number <= 3_750; number++) {
    repeated.error(KIND, `Relay ${number} was lost`, { id: String(number) });
    if (number % 150 === 0) clock.advance(1_000);
  }
  expect(lines.slice(0, 10).map(([, message]) => message)).toEqual(
    Array.from({ length: 10 }, (_, index) => `Relay ${index + 1} was lost`),
  );
  clock.advance(60_000);
  expect(lines.slice(10)).toEqual([
    ['error', `${KIND}, 1490 more times; the last: Relay 1500 was lost`, { id: '1500' }],
    ['error', `${KIND}, 1500 more times; the last: Relay 3000 was lost`, { id: '3000' }],
    ['error', `${KIND}, 750 more times; the last: Relay 3750 was lost`, { id: '3750' }],
    ['log', `It is over: ${KIND}, 3750 times in all`],
  ]);
});

test('each kind is counted for itself, and what was not written is written at the end', () => {
  const { clock, lines, repeated } = start();
  for (let number = 1; number <= 12; number++) repeated.error(KIND, `lost ${number}`);
  repeated.warn('Others', 'a line of another kind');
  repeated.flush();
  expect(lines.slice(10)).toEqual([
    ['warn', 'a line of another kind'],
    ['error', `${KIND}, 2 more times; the last: lost 12`],
  ]);
  clock.advance(60_000);
  expect(lines).toHaveLength(12);
});
