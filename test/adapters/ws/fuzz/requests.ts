import { createHash, createHmac } from 'node:crypto';
import { authFor } from '../../../support/signing.js';
import { exchange, type Item } from './item.js';
import { mutated, nested, object, value } from './json-texts.js';
import { CHANNELS } from './messages.js';
import type { Random } from './random.js';

/** An upgrade that is answered, or ended; never an error of the server. */
export function brokenUpgrade(random: Random): Item {
  const path = random.chance(0.6) ? `/app/switchboard-key?protocol=7` : target(random);
  const headers = new Map([
    ['Host', 'localhost'],
    ['Connection', 'Upgrade'],
    ['Upgrade', 'websocket'],
    ['Sec-WebSocket-Version', '13'],
    ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
  ]);
  for (let i = 0; i <= random.below(3); i++) {
    const name = random.of([
      ...headers.keys(),
      'Origin',
      'Sec-WebSocket-Extensions',
      'Sec-WebSocket-Protocol',
      'Cookie',
    ]);
    if (random.chance(0.25)) headers.delete(name);
    else headers.set(name, headerValue(random));
  }
  const lines = [...headers].map(([name, text]) => `${name}: ${text}`);
  if (random.chance(0.1)) lines.push(...lines.slice(1, 3));
  if (random.chance(0.1)) lines.push(`X-Long: ${'x'.repeat(random.of([1_000, 15_000, 20_000, 70_000]))}`);
  if (random.chance(0.05)) lines.push('Content-Length: 5', '', 'hello');
  const method = random.chance(0.9) ? 'GET' : random.of(['POST', 'HEAD', 'OPTIONS', 'PUT', 'get', 'FOO']);
  const version = random.chance(0.95) ? '1.1' : random.of(['1.0', '2.0', '9.9', '1.1.1', '']);
  const text = `${method} ${path} HTTP/${version}\r\n${lines.join('\r\n')}\r\n\r\n`;
  const after = random.chance(0.3)
    ? random.of([
        Buffer.alloc(100, 0xff),
        random.bytes(200),
        Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
      ])
    : Buffer.alloc(0);
  const bytes = Buffer.concat([Buffer.from(text, 'latin1'), after]);
  if (random.chance(0.1))
    return exchange('half an upgrade', bytes.subarray(0, random.below(text.length)), true);
  return exchange(`upgrade ${JSON.stringify(text.slice(0, 300))}`, bytes, false);
}

/** A request that is answered, or ended; never an error of the server. */
export function brokenRequest(random: Random): Item {
  const posted = random.of([
    '/socket/auth',
    '/socket/user-auth',
    '/apps/switchboard/events',
    '/apps/switchboard/batch_events',
  ]);
  const path = random.chance(0.6) ? posted : target(random);
  const type = random.of([
    'application/x-www-form-urlencoded',
    'application/json',
    'application/json; charset=utf-7',
    'application/json; charset="',
    'text/plain',
    'multipart/form-data',
    '*/*',
    '',
  ]);
  const body = requestBody(random);
  const lines = ['Host: localhost', `Content-Type: ${type}`, `Content-Length: ${body.length}`];
  if (random.chance(0.5)) lines.push('x-member: ada');
  if (random.chance(0.1))
    lines.push(`Content-Encoding: ${random.of(['gzip', 'br', 'deflate', 'x', 'gzip, gzip'])}`);
  if (random.chance(0.1)) lines.push(`Transfer-Encoding: ${random.of(['chunked', 'gzip', 'x'])}`);
  if (random.chance(0.1))
    lines.push(`${random.of(['Host', 'Cookie', 'Expect', 'X-Forwarded-Host'])}: ${headerValue(random)}`);
  if (random.chance(0.1))
    lines.push('Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__');
  if (random.chance(0.05)) lines.push(`X-Long: ${'x'.repeat(random.of([1_000, 15_000, 20_000]))}`);
  const method = random.of([
    'POST',
    'POST',
    'POST',
    'GET',
    'PUT',
    'DELETE',
    'OPTIONS',
    'HEAD',
    'TRACE',
    'FOO',
  ]);
  const text = `${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
  const bytes = Buffer.concat([Buffer.from(text, 'latin1'), body]);
  // A body that never comes is waited for: then it is for the client to break off.
  const waits = /Transfer-Encoding|Expect/.test(text);
  return exchange(`request ${JSON.stringify(text.slice(0, 300))}`, bytes, waits || random.chance(0.05));
}

/** A request to the HTTP API that is believed, and says what no SDK would. */
export function signedRequest(random: Random): Item {
  const fields = [`"data":${random.chance(0.85) ? '"{}"' : value(random, 2)}`];
  if (random.chance(0.9)) fields.push(`"name":${random.chance(0.85) ? '"tick"' : value(random, 2)}`);
  if (random.chance(0.9))
    fields.push(`"channel":${random.chance(0.85) ? '"presence-cache-fuzz"' : value(random, 2)}`);
  if (random.chance(0.15))
    fields.push(`"channels":${random.chance(0.85) ? '["cache-fuzz","fuzz"]' : value(random, 3)}`);
  if (random.chance(0.15)) fields.push(`"socket_id":${value(random, 1)}`);
  if (random.chance(0.15))
    fields.push(`"info":${random.chance(0.85) ? '"user_count,cache"' : value(random, 1)}`);
  if (random.chance(0.1)) fields.push(`"__proto__":${object(random, 2)}`);
  const event = random.chance(0.1) ? mutated(random, `{${fields.join(',')}}`) : `{${fields.join(',')}}`;
  const batch = random.chance(0.8) ? `{"batch":[${event},${event}]}` : `{"batch":${value(random, 3)}}`;
  const [path, text] = random.of([
    ['/apps/switchboard/events', event],
    ['/apps/switchboard/events', random.chance(0.5) ? nested(random) : value(random, 3)],
    ['/apps/switchboard/batch_events', batch],
    [
      `/apps/switchboard/users/${encodeURIComponent(Buffer.from(`fuzz-${random.text(3)}`).toString())}/terminate_connections`,
      '{}',
    ],
  ] as const);
  const body = Buffer.from(text);
  return {
    name: `signed ${path} ${JSON.stringify(text.slice(0, 300))}`,
    count: 1,
    run: (host) => {
      const query = [
        `auth_key=${host.app.key}`,
        `auth_timestamp=${Math.floor(Date.now() / 1_000)}`,
        'auth_version=1.0',
        `body_md5=${createHash('md5').update(body).digest('hex')}`,
      ].join('&');
      const signature = createHmac('sha256', host.app.secret).update(`POST\n${path}\n${query}`).digest('hex');
      const head = [
        `POST ${path}?${query}&auth_signature=${signature} HTTP/1.1`,
        'Host: localhost',
        `Content-Length: ${body.length}`,
        '\r\n',
      ].join('\r\n');
      return exchange('', Buffer.concat([Buffer.from(head), body]), false).run(host);
    },
  };
}

function target(random: Random): string {
  const key = random.of([
    'switchboard-key',
    'nobody',
    '%',
    '%ff',
    '%00',
    '..',
    '%2e%2e%2f',
    '',
    'x'.repeat(8_000),
  ]);
  const query = random.of([
    '',
    '?',
    '?protocol=7',
    '?protocol=7&protocol=8',
    '?protocol[]=7',
    '?protocol=%',
    '?protocol=%ff&version=%00',
    '?__proto__=7',
    `?protocol=7&version=${'9'.repeat(5_000)}`,
    '?auth_key=switchboard-key&auth_signature=0&auth_timestamp=0&auth_version=1.0&body_md5=0',
    `?${'a&'.repeat(5_000)}`,
    '?protocol=7#?protocol=7',
  ]);
  const path = random.of([
    `/app/${key}`,
    `/app/${key}/more`,
    `//app/${key}`,
    `/app//${key}`,
    `/socket/${key}`,
    '/socket/config',
    `/apps/switchboard/${key}`,
    `/apps/switchboard/channels/${key}`,
    `/apps/switchboard/channels/${key}/users`,
    `/apps/switchboard/users/${key}/terminate_connections`,
    `/apps/${key}/events`,
    '/apps/',
    '*',
    'http://localhost/app/switchboard-key',
    `/${random
      .bytes(10)
      .toString('latin1')
      .replace(/[\s\0]/g, '!')}`,
  ]);
  return path + query;
}

function headerValue(random: Random): string {
  return random.of([
    '',
    'x',
    'websocket, h2c',
    'WebSocket',
    'keep-alive, Upgrade',
    '13, 8',
    '-1',
    '99999999999999999999',
    'AAAA',
    'dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==',
    'null',
    'https://app.example.com',
    'https://app.example.com.evil.net',
    `https://${'a.'.repeat(3_000)}example.org`,
    'permessage-deflate; client_max_window_bits=; x="',
    'permessage-deflate; server_max_window_bits=99',
    '\u00ff\u00fe',
    '100-continue',
    '[::1',
    'a:b:c',
  ]);
}

function requestBody(random: Random): Buffer {
  const fields = {
    socket_id: random.of(['1.1', '', 'x', '1.1:private-bystander']),
    channel_name: random.of(CHANNELS),
  };
  switch (random.below(8)) {
    case 0:
      return random.bytes(random.below(500));
    case 1:
      return Buffer.from(nested(random));
    case 2:
      return Buffer.from(object(random, 3));
    case 3:
      return Buffer.from('a[b]=1&'.repeat(random.below(2_000)));
    case 4:
      return Buffer.from(`socket_id=%&channel_name=%ff&__proto__[x]=1&${random.text(50)}`);
    case 5:
      return Buffer.alloc(random.of([0, 1, 101_000, 200_000]), 0x61);
    case 6:
      return Buffer.from(
        JSON.stringify({ ...fields, auth: authFor({ id: '', key: 'a', secret: 'b' }, 'x') }),
      );
    default:
      return Buffer.from(new URLSearchParams(fields).toString());
  }
}
