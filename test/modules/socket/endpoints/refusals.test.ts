import { UnauthorizedException } from '@nestjs/common';
import { AuthorizeChannel, type ChannelAuthorizer, type SocketModuleOptions } from 'nestjs-switchboard';
import { ADA, APP, form, SOCKET_ID } from '../../../support/auth-requests.js';
import { FRAMEWORKS, logged, startHost } from '../../../support/hosts.js';

@AuthorizeChannel('private-orders.{owner}')
class OrdersChannel implements ChannelAuthorizer<{ owner: string }> {
  authorize({ id }: { id: string }, { owner }: { owner: string }): boolean {
    return owner === id;
  }
}

const BOBS = { socket_id: SOCKET_ID, channel_name: 'private-orders.bob' };

describe.each(Object.entries(FRAMEWORKS))('over %s, a refusal', (_, httpAdapter) => {
  const start = (options: SocketModuleOptions = {}) =>
    startHost({ provider: 'ws', app: APP, ...options }, { httpAdapter, providers: [OrdersChannel] });

  /** Asks, and returns the answer with the lines at `debug` and `warn` that it led to. */
  const ask = async (
    options: SocketModuleOptions,
    path: string,
    fields: Record<string, string>,
    headers: Record<string, string> = ADA,
  ) => {
    const { url } = await start(options);
    const [debug, warnings] = [logged('debug'), logged('warn')];
    const [status, body] = await form(`${url}/socket/${path}`, fields, headers);
    return { status, body, lines: [...debug.lines, ...warnings.lines] };
  };

  test('of a caller whom identify does not know has its code, and one line in the log', async () => {
    for (const [path, fields] of [
      ['auth', BOBS],
      ['user-auth', { socket_id: SOCKET_ID }],
    ] as const) {
      const { status, body, lines } = await ask({}, path, fields, {});
      expect([status, body['code']]).toEqual([403, 'NOT_IDENTIFIED']);
      expect(lines).toEqual([
        `POST /socket/${path} was refused with 403: The caller is not known: identify(request) returned null`,
      ]);
    }
  });

  test('says that identify returned undefined, as it does for a request without a user', async () => {
    const identify = (request: object) => Reflect.get(request, 'user') as never;
    const { body, lines } = await ask({ identify }, 'auth', BOBS);
    expect(body['message']).toContain('returned undefined');
    expect(lines).toHaveLength(1);
  });

  test('by an authorizer has its code, one line in the log, and does not say why', async () => {
    const { status, body, lines } = await ask({}, 'auth', BOBS);
    expect([status, body]).toEqual([
      403,
      {
        statusCode: 403,
        code: 'CHANNEL_REFUSED',
        message: 'Channel "private-orders.bob" is not open to this member',
      },
    ]);
    expect(lines).toEqual(['Refused channel "private-orders.bob": OrdersChannel said no']);
  });

  test('of a channel that no authorizer covers looks the same outside, and is explained in the log', async () => {
    const channel_name = 'private-nobodys.7';
    const { body, lines } = await ask({}, 'auth', { socket_id: SOCKET_ID, channel_name });
    expect(body).toMatchObject({ statusCode: 403, code: 'CHANNEL_REFUSED' });
    expect(lines).toEqual([expect.stringMatching(/"private-nobodys.7": no @AuthorizeChannel/)]);
  });

  test.each([
    ['socket_id', { socket_id: 'x' }, 'INVALID_SOCKET_ID'],
    ['channel_name', { socket_id: SOCKET_ID, channel_name: '#server-to-user-ada' }, 'INVALID_CHANNEL_NAME'],
  ])('of a bad %s has its code, and one line in the log', async (field, fields, code) => {
    const { status, body, lines } = await ask({}, 'auth', fields);
    expect([status, body['code'], body['message']]).toEqual([400, code, expect.stringContaining(field)]);
    expect(lines).toEqual([expect.stringContaining(`400: ${field}`)]);
  });

  test('by an exception of the application is that exception, and is in the log', async () => {
    const identify = () => {
      throw new UnauthorizedException('The token is over');
    };
    const { status, body, lines } = await ask({ identify }, 'auth', BOBS);
    expect([status, body]).toEqual([
      401,
      { statusCode: 401, error: 'Unauthorized', message: 'The token is over' },
    ]);
    expect(lines).toEqual(['POST /socket/auth was refused with 401: The token is over']);
  });

  test('is in no cache', async () => {
    const { url } = await start();
    const response = await fetch(`${url}/socket/user-auth`, { method: 'POST' });
    expect(response.status).toBe(400);
    expect(response.headers.get('cache-control')).toBe('no-store');
  });
});
