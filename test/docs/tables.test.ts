import { parseEnv } from 'node:util';
import { documentedVariables, envExample, settingsTable, withTable } from '../../scripts/settings.mjs';
import { socketConfig } from '../../src/config/socket-config.js';
import { LIMITS } from '../../src/ports/limits.js';
import { encryptedBytes } from '../../src/protocol/encryption.js';
import { listeningPort } from '../../src/reference/port.js';
import { SETTINGS, VARIABLES } from '../support/settings.js';
import { readPage } from './support/page.js';
import { tableIn } from './support/table.js';

const PAGE = 'docs/configuration.md';
const HOW_TO_RENEW = 'npm run build && node scripts/settings.mjs';

const table = (page: string, heading: string) => tableIn(readPage(page), heading);
const unlessNone = (cell = '') => (cell === '–' ? '' : cell);

/** Every variable with its default as text, in order; '' where there is none. */
function defaults(): [string, string][] {
  return [
    ['PORT', String(listeningPort({}))],
    ['NODE_ENV', ''],
    ...SETTINGS.map(([, setting]): [string, string] => [setting.variable, asText(setting.default)]),
  ];
}

/** A value as the environment would have it. */
function asText(value: unknown): string {
  if (Array.isArray(value)) return value.join(',');
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : '';
}

test("the page's table has exactly the variables there are, in order, with their defaults", () => {
  const rows = table(PAGE, 'variable').map(([name, value]) => [name, unlessNone(value)]);
  expect(rows).toEqual(defaults());
});

test('the table and .env.example are what the script makes of the settings', () => {
  const variables = documentedVariables(SETTINGS);
  const made = {
    page: withTable(readPage(PAGE), settingsTable(variables)),
    example: envExample(variables),
  };
  if (made.page !== readPage(PAGE) || made.example !== readPage('.env.example'))
    throw new Error(`The documentation of the settings is not up to date. ${HOW_TO_RENEW}`);
});

test('the defaults in the table are those of a configuration that nothing was given to', () => {
  const config: unknown = socketConfig({});
  for (const [path, { default: value }] of SETTINGS) {
    if (value === undefined || path === 'provider' || path.startsWith('second.')) continue;
    const found = path
      .split('.')
      .reduce((inner, name) => (inner as Readonly<Record<string, unknown>>)[name], config);
    expect([path, found]).toEqual([path, value]);
  }
});

test('.env.example has the same variables, in the same order, each with a comment and its default commented out', () => {
  const lines = readPage('.env.example').split('\n');
  const assignments = lines.filter((line) => /^#[A-Z_]+=/.test(line));
  expect(assignments).toEqual(defaults().map(([name, value]) => `#${name}=${value}`));
  expect(lines.filter((line) => line !== '' && !line.startsWith('#'))).toEqual([]);
  for (const paragraph of readPage('.env.example').trim().split('\n\n')) expect(paragraph).toMatch(/^# /);
});

test('.env.example changes nothing when every line of it is put in force', () => {
  const environment = parseEnv(readPage('.env.example').replace(/^#(?=[A-Z_]+=)/gm, ''));
  expect(Object.keys(environment)).toHaveLength(VARIABLES.length + 1);
  expect(socketConfig(environment)).toEqual(socketConfig({}));
});

test('the page has every variable beside its path in code', () => {
  const rows = table(PAGE, 'variable').map(([name, , , path]) => [unlessNone(path), name]);
  expect(rows).toEqual([
    ['', 'PORT'],
    ['', 'NODE_ENV'],
    ...SETTINGS.map(([path, { variable }]) => [path, variable]),
  ]);
});

test('every default is in the comment of its setting, and every unit at the end of its name', () => {
  // The script throws where a comment is missing, or has another default.
  expect(documentedVariables(SETTINGS)).toHaveLength(SETTINGS.length + 2);
  for (const [path, { unit }] of SETTINGS) {
    const ending = { ms: 'Ms', s: 'S', bytes: 'Bytes' }[unit ?? 'ms'];
    expect([path, path.endsWith(ending)]).toEqual([path, unit !== undefined]);
  }
});

test('the page on the gateway has every fixed limit with its value, and every configured one with its default', () => {
  const [fixed, configured] = ['name', 'variable'].map((heading) =>
    table('docs/gateway.md', heading).map(([name, value]) => [name, value?.replaceAll(',', '')]),
  );
  expect(fixed).toEqual(Object.entries(LIMITS).map(([name, value]) => [name, String(value)]));
  expect(configured).toEqual(
    defaults().filter(([name]) =>
      /^SOCKET_MAX_(?!WAITING_|DEAD_|HANDLER_|RUNNING_)|^SOCKET_UNAUTHORIZED_/.test(name),
    ),
  );
});

test('the page on relays has the most bytes that an encrypted payload may have', () => {
  const most = Number(/leaves ([\d,]+) bytes/.exec(readPage('docs/relay.md'))?.[1]?.replace(',', ''));
  expect(encryptedBytes(most)).toBeLessThanOrEqual(LIMITS.payloadBytes);
  expect(encryptedBytes(most + 1)).toBeGreaterThan(LIMITS.payloadBytes);
});

test('the page on relays has every error code', () => {
  const codes = [
    ...(/SocketErrorCode =([^;]+);/.exec(readPage('src/ports/errors.ts'))?.[1] ?? '').matchAll(/'(\w+)'/g),
  ].map(([, code]) => code);
  expect(codes).not.toHaveLength(0);
  expect(table('docs/relay.md', 'code').map(([code]) => code)).toEqual(codes);
});

test('the page on relays names the limits of names and sizes', () => {
  const rows = table('docs/relay.md', 'what').map(([what, limit = '']) => [
    what,
    Math.max(...[...limit.replace(',', '').matchAll(/\d{2,}/g)].map(Number)),
  ]);
  expect(rows).toEqual([
    ['payload', LIMITS.payloadBytes],
    ['event name', LIMITS.eventNameLength],
    ['channel name', LIMITS.channelNameLength],
    ['member id', LIMITS.memberIdLength],
  ]);
});
