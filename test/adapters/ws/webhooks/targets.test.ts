import type { LookupAddress } from 'node:dns';
import { createServer } from 'node:https';
import { publicLookup, type Resolve } from '../../../../src/adapters/ws/webhooks/public-addresses.js';
import { isPublicAddress } from '../../../../src/protocol/public-address.js';
import { portOf } from '../../../support/host.js';
import { onTeardown } from '../../../support/teardown.js';
import { WebhookEndpoint } from '../../../support/webhook-endpoint.js';
import { APP, startWebhooks } from './support.js';

const REFUSED = 'is not a public address (SOCKET_WEBHOOK_PRIVATE_TARGETS allows others)';

test.each([
  ['127.0.0.1', '127.0.0.1'],
  ['localhost', 'localhost'],
  ['[::1]', '::1'],
  ['[::ffff:127.0.0.1]', '::ffff:7f00:1'],
  ['2130706433', '127.0.0.1'],
  ['0x7f.1', '127.0.0.1'],
  ['0.0.0.0', '0.0.0.0'],
  ['169.254.169.254', '169.254.169.254'],
])('the private target %s is refused before anything is sent', async (host, shown) => {
  const endpoint = await WebhookEndpoint.start(APP);
  const url = new URL(`http://${host}:${endpoint.port}/hook`);
  const { source, log, sender } = startWebhooks({ urls: [url.href], privateTargets: false }, { retryMs: 0 });
  source.emit({ name: 'channel_occupied', channel: 'a' });
  expect(await log.next()).toBe(
    `warn: Webhook ${url.origin}/hook fails and is tried again: ${shown} ${REFUSED}`,
  );
  await sender.close();
  expect(sender.statistics).toMatchObject([{ delivered: 0, lost: 1 }]);
  expect(endpoint.connectionsEver).toBe(0);
});

test('a private target by its name is posted to where the configuration allows it', async () => {
  const endpoint = await WebhookEndpoint.start(APP);
  const { source } = startWebhooks({ urls: [`http://localhost:${endpoint.port}/hook`] });
  source.emit({ name: 'channel_occupied', channel: 'a' });
  expect((await endpoint.next()).isValid).toBe(true);
});

describe('a public address', () => {
  test.each([
    ...['0.0.0.0', '10.0.0.1', '100.64.0.1', '100.127.255.255', '127.0.0.1', '127.255.0.9'],
    ...['169.254.169.254', '172.16.0.1', '172.31.255.255', '192.0.0.8', '192.168.1.1', '198.18.0.1'],
    ...['224.0.0.1', '239.255.255.250', '240.0.0.1', '255.255.255.255'],
    ...['::', '::1', '::ffff:127.0.0.1', '::ffff:8.8.8.8', '::127.0.0.1', '64:ff9b::7f00:1', '100::1'],
    ...['fc00::1', 'fd12::1', 'fe80::1', 'fe80::1%eth0', 'fec0::1', 'ff02::1'],
    ...[
      '2001::1',
      '2001:1ff::1',
      '2001:db8:ffff::1',
      '2001:db8::1',
      '2002:7f00:1::',
      '3fff:fff::1',
      '4000::1',
    ],
    ...[
      'localhost',
      '',
      '8.8.8',
      '08.8.8.8',
      '134744072',
      '8.8.8.8.',
      '8.8.8.256',
      'a@8.8.8.8',
      '2606:4700:::1',
    ],
  ])('is not %s', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  test.each([
    ...['1.1.1.1', '8.8.8.8', '9.255.255.255', '11.0.0.0', '100.63.255.255', '100.128.0.0', '126.0.0.1'],
    ...['169.253.0.1', '172.15.255.255', '172.32.0.0', '192.167.0.1', '192.169.0.1', '223.255.255.255'],
    ...['2606:4700::1111', '2a00:1450:4001::5', '2001:4860:4860::8888', '2001:200::', '2001:db7::1'],
    ...['2000::1', '2003::1', '3ffe::1', '3fff:1000::1', '172.32.0.1', '198.20.0.1', '192.0.1.1'],
  ])('is %s', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });
});

describe('a name that resolves to public and private addresses', () => {
  const resolve: Resolve = (_hostname, _options, callback) => {
    callback(null, [
      { address: '127.0.0.1', family: 4 },
      { address: '8.8.8.8', family: 4 },
      { address: '::1', family: 6 },
      { address: '2606:4700::1111', family: 6 },
    ]);
  };

  test('is connected to at the public ones only', async () => {
    const answer = await new Promise<string | LookupAddress[]>((done) => {
      publicLookup(resolve)('two-faced.test', { all: true }, (_error, addresses) => {
        done(addresses);
      });
    });
    expect(answer).toEqual([
      { address: '8.8.8.8', family: 4 },
      { address: '2606:4700::1111', family: 6 },
    ]);
  });

  test('gives the first public one to who asks for one', async () => {
    const answer = await new Promise((done) => {
      publicLookup(resolve)('two-faced.test', {}, (...result) => {
        done(result);
      });
    });
    expect(answer).toEqual([null, '8.8.8.8', 4]);
  });
});

test('a name that does not resolve is a failure like any other', async () => {
  const { source, log } = startWebhooks({ urls: ['http://nowhere.invalid/hook'], privateTargets: false });
  source.emit({ name: 'channel_occupied', channel: 'a' });
  expect(await log.next()).toMatch(
    /^warn: Webhook http:\/\/nowhere\.invalid\/hook fails .*: (ENOTFOUND|EAI_AGAIN)$/,
  );
});

test('a certificate that nobody vouches for is refused', async () => {
  const requests: unknown[] = [];
  const server = createServer({ key: KEY, cert: CERTIFICATE }, (request) => requests.push(request.url));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTeardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `https://localhost:${portOf(server)}/hook`;
  const { source, log } = startWebhooks({ urls: [url] });
  source.emit({ name: 'channel_occupied', channel: 'a' });
  expect(await log.next()).toBe(`warn: Webhook ${url} fails and is tried again: DEPTH_ZERO_SELF_SIGNED_CERT`);
  expect(requests).toEqual([]);
});

// For "localhost", signed by itself, until 2126.
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgFdEzfjZNohsvm1eK
K9wGNKdS0ixV8sXLnan9Y7sG+k2hRANCAATabkPBYKE8WPFdm3BchnZsdN3I2Y12
yXqQzuQ9guQyyJ84T+mcFKhSuxM04YRM3ZP9z8HNd8ox0OVDvTopKlFG
-----END PRIVATE KEY-----`;
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBmzCCAUGgAwIBAgIUO2/9BgYxVm/cy8H3NNbOjv23hvUwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTExMTkwOVoYDzIxMjYxMDI4
MTExOTA5WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAATabkPBYKE8WPFdm3BchnZsdN3I2Y12yXqQzuQ9guQyyJ84T+mcFKhS
uxM04YRM3ZP9z8HNd8ox0OVDvTopKlFGo28wbTAdBgNVHQ4EFgQUIwQ16vv/WwPm
1U0L0TYw6jjN0kQwHwYDVR0jBBgwFoAUIwQ16vv/WwPm1U0L0TYw6jjN0kQwDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSAAwRQIgN1p0XG12UV7xXu265cY868Cit+f9mln256XPRx9miZ0CIQD6
kBaf9bL0BFYWlAvcNhGk3136QfvEZ1/haaluAQ1ZmA==
-----END CERTIFICATE-----`;
