import type { LookupAddress } from 'node:dns';
import { once } from 'node:events';
import { request } from 'node:http';
import { SocketConfigurationError } from 'nestjs-switchboard';
import { publicLookup } from '../../src/adapters/ws/webhooks/public-addresses.js';
import { Host } from '../support/host.js';
import { onTeardown } from '../support/teardown.js';
import { WebhookEndpoint } from '../support/webhook-endpoint.js';

const APP = { id: '7', key: 'the-key', secret: 'the-secret-nobody-may-see' };

test.each<[string, LookupAddress[]]>([
  ['loopback', [{ address: '127.0.0.1', family: 4 }]],
  [
    'loopback, of IPv6 and mapped',
    [
      { address: '::1', family: 6 },
      { address: '::ffff:127.0.0.1', family: 6 },
    ],
  ],
  ['the services of a cloud', [{ address: '169.254.169.254', family: 4 }]],
  [
    'a private network',
    [
      { address: '10.0.0.1', family: 4 },
      { address: 'fd00::1', family: 6 },
    ],
  ],
])('a name that resolves to %s is connected to by nobody', async (_, addresses) => {
  const endpoint = await WebhookEndpoint.start(APP);
  const posting = request(`http://rebound.example:${endpoint.port}/hook`, {
    method: 'POST',
    lookup: publicLookup((_hostname, _options, callback) => {
      callback(null, addresses);
    }),
  });
  onTeardown(() => posting.destroy());
  const failed = once(posting, 'error') as Promise<[Error]>;
  posting.end('{}');
  const [{ message }] = await failed;
  expect(message).toMatch(/^rebound\.example is not a public address/);
  expect(endpoint.connectionsEver).toBe(0);
});

test.each([
  'http://127.0.0.1:6379/',
  'http://localhost:6379/',
  'http://[::1]/',
  'http://0x7f000001/',
  'http://2130706433/',
  'http://127.1/',
  'http://[::ffff:169.254.169.254]/latest/meta-data',
  'http://user:nobody-may-see@10.0.0.1/',
])('a gateway that is told to post to %s does not start', async (url) => {
  const start = Host.start({ app: APP, webhooks: { urls: [url] } });
  const error: unknown = await start.then(
    () => undefined,
    (failure: unknown) => failure,
  );
  expect(error).toBeInstanceOf(SocketConfigurationError);
  expect(String(error)).toContain('is not a public address');
  expect(String(error)).not.toContain('nobody-may-see');
});
