import { parseEnv } from 'node:util';
import { parse } from 'valibot';
import { listeningPort } from '../../src/reference/port.js';
import { type SocketSettings, settingsAsVariables } from '../../src/config/settings.js';
import { DEVELOPMENT_APP, socketConfig } from '../../src/config/socket-config.js';
import { type Variable, variables } from '../../src/config/variables.js';
import { LIMITS } from '../../src/ports/limits.js';
import { encryptedBytes } from '../../src/protocol/encryption.js';
import { readPage } from './support/page.js';
import { tableIn } from './support/table.js';

const VARIABLES = Object.keys(variables.entries) as Variable[];

const table = (page: string, heading: string) => tableIn(readPage(page), heading);

/** Every variable with its default as text, in order; '' where there is none. */
function defaults(): [string, string][] {
  const parsed: Readonly<Record<string, unknown>> = parse(variables, {});
  const resolved = socketConfig({});
  const effective: Partial<Record<Variable, string>> = {
    SOCKET_PROVIDER: resolved.provider,
    SOCKET_APP_ID: DEVELOPMENT_APP.id,
    SOCKET_APP_KEY: DEVELOPMENT_APP.key,
    SOCKET_APP_SECRET: DEVELOPMENT_APP.secret,
    SOCKET_FAILURE: resolved.failure,
  };
  return [
    ['PORT', String(listeningPort({}))],
    ...VARIABLES.map((name): [string, string] => [name, asText(parsed[name] ?? effective[name])]),
  ];
}

/** A value as the environment would have it. */
function asText(value: unknown): string {
  if (Array.isArray(value)) return value.join(',');
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : '';
}

test("the README's table has exactly the variables there are, in order, with their defaults", () => {
  const rows = table('README.md', 'variable').map(([name, value]) => [name, value === '–' ? '' : value]);
  expect(rows).toEqual(defaults());
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

test('the page on configuration has every setting beside its variable', () => {
  const rows = table('docs/configuration.md', 'setting');
  for (const [path = '', name] of rows) {
    const settings = path.split('.').reduceRight<unknown>((inner, part) => ({ [part]: inner }), 'x');
    expect(settingsAsVariables(settings as SocketSettings)).toEqual({ [name ?? '']: 'x' });
  }
  expect(rows.map(([, name]) => name)).toEqual(VARIABLES.filter((name) => name !== 'NODE_ENV'));
});

test('the page on the gateway has every fixed limit with its value, and every configured one with its default', () => {
  const [fixed, configured] = ['name', 'variable'].map((heading) =>
    table('docs/gateway.md', heading).map(([name, value]) => [name, value?.replaceAll(',', '')]),
  );
  expect(fixed).toEqual(Object.entries(LIMITS).map(([name, value]) => [name, String(value)]));
  expect(configured).toEqual(
    defaults().filter(([name]) => /^SOCKET_MAX_(?!WAITING_|DEAD_)|^SOCKET_UNAUTHORIZED_/.test(name)),
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
