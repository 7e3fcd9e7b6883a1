import { ForbiddenException, UnauthorizedException } from '@nestjs/common';
import type { SocketModuleOptions } from 'nestjs-switchboard';
import { ADA, APP, ENCODINGS, form, SOCKET_ID } from '../../support/auth-requests.js';
import { FRAMEWORKS, type Host, startHost } from '../../support/hosts.js';
import { authFor } from '../../support/signing.js';

describe.each(Object.keys(FRAMEWORKS) as (keyof typeof FRAMEWORKS)[])('over %s', (framework) => {
  const start = (options: SocketModuleOptions = {}): Promise<Host> =>
    startHost({ app: APP, provider: 'ws', ...options }, { httpAdapter: FRAMEWORKS[framework] });

  describe.each(ENCODINGS)('POST /socket/user-auth with %s', (_, send) => {
    test('signs the member in, with what others may know', async () => {
      const { url } = await start();
      const [status, body] = await send(`${url}/socket/user-auth`, { socket_id: SOCKET_ID });
      const data = String(body['user_data']);
      expect(status).toBe(200);
      expect(JSON.parse(data)).toEqual({ id: 'ada', user_info: { name: 'ADA' } });
      expect(body).toEqual({ auth: authFor(APP, `${SOCKET_ID}::user::${data}`), user_data: data });
    });
  });

  describe('POST /socket/user-auth', () => {
    const fields = { socket_id: SOCKET_ID };

    test('refuses a caller whom identify does not know with 403', async () => {
      const { url } = await start();
      expect((await form(`${url}/socket/user-auth`, fields))[0]).toBe(403);
    });

    test('refuses everybody where the application has no identify', async () => {
      const { url } = await start({ identify: undefined } as unknown as SocketModuleOptions);
      expect((await form(`${url}/socket/user-auth`, fields, ADA))[0]).toBe(403);
    });

    test('never signs an id that no member may have', async () => {
      for (const id of ['', 'x'.repeat(256), '\ud800']) {
        const { url } = await start({ identify: () => ({ id }) });
        const [status, body] = await form(`${url}/socket/user-auth`, fields, ADA);
        expect(status).toBe(403);
        expect(body).not.toHaveProperty('auth');
      }
    });
  });

  describe('identify', () => {
    test('may take its time, and sees the request of the framework', async () => {
      const { url } = await start({
        identify: async (request) => {
          await Promise.resolve();
          return 'raw' in request === (framework === 'fastify')
            ? { id: String(request.headers['x-who']) }
            : null;
        },
      });
      const [status, body] = await form(
        `${url}/socket/user-auth`,
        { socket_id: SOCKET_ID },
        { 'x-who': 'eve' },
      );
      expect([status, body['user_data']]).toEqual([200, '{"id":"eve"}']);
    });

    test.each([
      ['an HTTP error, which is the answer', new UnauthorizedException('The token is over'), 401],
      ['another HTTP error', new ForbiddenException(), 403],
      ['any other error, which is the backend’s own', new Error('the database is away'), 500],
    ])('may throw %s', async (_, error, status) => {
      const { url } = await start({
        identify: () => {
          throw error;
        },
      });
      const answer = await form(`${url}/socket/user-auth`, { socket_id: SOCKET_ID }, ADA);
      expect(answer[0]).toBe(status);
      expect(JSON.stringify(answer[1])).not.toContain('database');
    });
  });
});
