import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { number, object, parse, record, string } from 'valibot';
import { readPage, ROOT } from './support/page.js';

const results = object({
  scenarios: record(string(), object({ rows: record(string(), record(string(), number())) })),
});

const { scenarios } = parse(
  results,
  JSON.parse(readFileSync(join(ROOT, 'bench/results/speed.json'), 'utf8')),
);

const COMPARED: readonly (readonly [what: string, scenario: string, figure: string])[] = [
  ['broadcast to 1,000, one in flight, µs for each delivery', 'broadcast', 'µs/delivery'],
  ['broadcast to 1,000, eight in flight, µs for each delivery', 'broadcast-8', 'µs/delivery'],
  ['broadcast to 5,000, one in flight, µs for each delivery', 'broadcast-5000', 'µs/delivery'],
  ['2,000 messages of one turn to 100, µs for each delivery', 'burst', 'µs/delivery'],
  ['the same through `batch_events`, µs for each delivery', 'burst-api', 'µs/delivery'],
  ['relay to one member in process, one in flight, µs', 'relay', 'µs/relay'],
  ['relay to one member in process, one in each turn, µs', 'relay-turns', 'µs/relay'],
  ['relay through the HTTP API, signature checked, µs', 'relay-api', 'µs/request'],
  ['connecting and subscribing to a private channel, µs', 'connect', 'µs/connection'],
  ['memory of an idle connection with one private channel, KiB', 'idle', 'KiB'],
  ['20 broadcasts a second to 1,000: half have heard within, ms', 'paced', 'p50 ms'],
  ['20 broadcasts a second to 1,000: 99 of 100 within, ms', 'paced', 'p99 ms'],
];

const ALONE: readonly (readonly [what: string, scenario: string, row: string, figure: string])[] = [
  ['relay through `SocketService` on the provider `memory`, µs', 'memory-relay', 'to nobody', 'µs/relay'],
  [
    'requests for 1,000 relays at once on the provider `pusher`',
    'pusher-relay',
    'switchboard, at once',
    'requests',
  ],
  ['milliseconds for them, with answers after 10 ms', 'pusher-relay', 'switchboard, at once', 'ms'],
  ['milliseconds for the same by the SDK, all at once', 'pusher-relay', 'SDK, at once', 'ms'],
  [
    'milliseconds for the same by the SDK, one after the other',
    'pusher-relay',
    'SDK, one after the other',
    'ms',
  ],
  ["what `SocketModule` on `memory` adds to an application's start, ms", 'start', 'more', 'ms'],
];

/** The cells of the row that begins with this. */
function cellsOf(what: string): string[] {
  const line = readPage('docs/performance.md')
    .split('\n')
    .find((candidate) => candidate.startsWith(`| ${what} `));
  return (line ?? '')
    .split('|')
    .slice(2, -1)
    .map((cell) => cell.trim());
}

/** A figure as the page writes it: three digits, or all that stand before the point. */
function shown(figure: number | undefined): string {
  if (figure === undefined) return '–';
  return figure >= 100 ? Math.round(figure).toLocaleString('en-US') : String(Number(figure.toPrecision(3)));
}

test.each(COMPARED)('the page says of "%s" what was measured', (what, scenario, figure) => {
  const rows = scenarios[scenario]?.rows;
  const peers = ['switchboard', 'socket-io', 'ws', 'socket.io', 'net'].map((peer) => rows?.[peer]?.[figure]);
  expect(peers[0]).toBeGreaterThan(0);
  expect(cellsOf(what)).toEqual(peers.map(shown));
});

test('the page says of a message to a handler what was measured', () => {
  const rows = scenarios['handler']?.rows;
  const costs = ['switchboard', 'nest-ws', 'nest-socket.io'].map((peer) => rows?.[peer]?.['µs/message']);
  expect(costs[0]).toBeGreaterThan(0);
  expect(cellsOf('a message to a handler, and its answer, µs for both')).toEqual(costs.map(shown));
});

test.each(ALONE)('the page says of "%s" what was measured, too', (what, scenario, row, figure) => {
  const measured = scenarios[scenario]?.rows[row]?.[figure];
  expect(measured).toBeGreaterThan(0);
  expect(cellsOf(what)).toEqual([shown(measured)]);
});

test('the chart is drawn from the same figures', () => {
  const folder = mkdtempSync(join(tmpdir(), 'switchboard-chart-'));
  const drawn = join(folder, 'performance.svg');
  execFileSync(process.execPath, [join(ROOT, 'bench/chart.js'), drawn]);
  expect(readFileSync(join(ROOT, 'docs/performance.svg'), 'utf8')).toBe(readFileSync(drawn, 'utf8'));
  rmSync(folder, { recursive: true });
});
