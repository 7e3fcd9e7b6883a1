import { RequestMethod, type VersioningOptions, VersioningType } from '@nestjs/common';
import type { ClientConfig } from 'nestjs-switchboard';
import type { PusherAuthOptions } from '../../../../src/ports/client-config.js';
import {
  WEBHOOK_KEY_HEADER,
  WEBHOOK_SIGNATURE_HEADER,
  webhookSignature,
} from '../../../../src/protocol/webhook.js';
import { ADA, APP, form, SOCKET_ID } from '../../../support/auth-requests.js';
import { FRAMEWORKS, startHost } from '../../../support/hosts.js';

/** A webhook of hosted Pusher, without events. */
function webhook(): RequestInit {
  const body = JSON.stringify({ time_ms: Date.now(), events: [] });
  const headers = {
    [WEBHOOK_KEY_HEADER]: APP.key,
    [WEBHOOK_SIGNATURE_HEADER]: webhookSignature(APP, Buffer.from(body)),
  };
  return { method: 'POST', body, headers };
}

const VERSIONINGS: readonly VersioningOptions[] = [
  { type: VersioningType.URI },
  { type: VersioningType.URI, defaultVersion: '1' },
  { type: VersioningType.URI, defaultVersion: ['1', '2'], prefix: 'version-' },
  { type: VersioningType.HEADER, header: 'x-version', defaultVersion: '1' },
  { type: VersioningType.MEDIA_TYPE, key: 'v=', defaultVersion: '1' },
  { type: VersioningType.CUSTOM, extractor: () => '3', defaultVersion: '1' },
];

describe.each(Object.entries(FRAMEWORKS))('over %s', (_, httpAdapter) => {
  test.each(VERSIONINGS)('the endpoints have no version where the application has %j', async (versioning) => {
    const { url } = await startHost(
      { provider: 'ws', app: APP },
      { httpAdapter, prepare: (app) => void app.setGlobalPrefix('api').enableVersioning(versioning) },
    );
    const answer = await fetch(`${url}/api/socket/config`);
    expect(answer.status).toBe(200);
    const { options } = (await answer.json()) as ClientConfig<PusherAuthOptions>;
    expect(options.userAuthentication.endpoint).toBe('/api/socket/user-auth');
    const asked = await form(`${url}${options.userAuthentication.endpoint}`, { socket_id: SOCKET_ID }, ADA);
    expect(asked[0]).toBe(200);
  });

  test('the endpoint of hosted Pusher’s webhooks has no version either', async () => {
    const { url } = await startHost(
      { provider: 'pusher', app: APP, pusher: { cluster: 'eu' } },
      {
        httpAdapter,
        prepare: (app) => void app.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' }),
      },
    );
    expect((await fetch(`${url}/socket/webhook`, webhook())).status).toBe(200);
  });

  test.each([
    ['all of them', ['socket/{*path}']],
    [
      'each by its method',
      [
        { path: 'socket/config', method: RequestMethod.GET },
        { path: 'socket/auth', method: RequestMethod.POST },
        { path: 'socket/user-auth', method: RequestMethod.ALL },
        { path: 'socket/webhook', method: RequestMethod.POST },
      ],
    ],
  ])('a global prefix can exclude %s', async (_title, exclude) => {
    const { url } = await startHost(
      { provider: 'pusher', app: APP, pusher: { cluster: 'eu' } },
      { httpAdapter, prepare: (app) => void app.setGlobalPrefix('api', { exclude }) },
    );
    const answer = await fetch(`${url}/socket/config`);
    const { options } = (await answer.json()) as ClientConfig<PusherAuthOptions>;
    expect(options.userAuthentication.endpoint).toBe('/socket/user-auth');
    expect((await form(`${url}/socket/user-auth`, { socket_id: SOCKET_ID }, ADA))[0]).toBe(200);
    expect((await fetch(`${url}/socket/webhook`, webhook())).status).toBe(200);
    for (const path of ['config', 'webhook'])
      expect((await fetch(`${url}/api/socket/${path}`)).status).toBe(404);
  });

  test('a global prefix that excludes other routes stays', async () => {
    const { url } = await startHost(
      { provider: 'pusher', app: APP, pusher: { cluster: 'eu' } },
      {
        httpAdapter,
        prepare: (app) =>
          void app.setGlobalPrefix('api', {
            exclude: ['health', { path: 'socket/auth', method: RequestMethod.GET }],
          }),
      },
    );
    expect((await form(`${url}/api/socket/auth`, { socket_id: 'x' }, ADA))[0]).toBe(400);
    expect((await fetch(`${url}/api/socket/webhook`, webhook())).status).toBe(200);
  });
});
