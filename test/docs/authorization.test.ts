import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import type { INestApplication, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { JwtService } from '@nestjs/jwt';
import { Test, type TestingModule } from '@nestjs/testing';
import { SocketFake, SocketTestingModule } from 'nestjs-switchboard/testing';
import { onTeardown } from '../support/teardown.js';
import { usePage } from './support/page.js';

const page = usePage('docs/authorization.md');
const { AppModule } = await page.run<{ AppModule: Type }>('app.module.ts');
await page.run('order.channel.ts');
await page.run('room.channel.ts');

describe('the authorizers of the page', () => {
  let app: TestingModule;
  let fake: SocketFake;
  beforeEach(async () => {
    app = await Test.createTestingModule({ imports: [AppModule, SocketTestingModule] }).compile();
    app.useLogger(false);
    await app.init();
    fake = app.get(SocketFake);
  });
  afterEach(() => app.close());

  test('admit an owner to the order, and nobody else', async () => {
    await (await fake.connect('ada')).subscribe('private-orders.7');
    await expect((await fake.connect('alan')).subscribe('private-orders.7')).rejects.toThrow('no authorizer');
    await expect((await fake.connect('ada')).subscribe('private-orders.8')).rejects.toThrow('no authorizer');
  });

  test('cover a placeholder without dots only, and from the beginning', async () => {
    const ada = await fake.connect('ada');
    await expect(ada.subscribe('private-orders.7.items')).rejects.toThrow('no authorizer');
    await ada.subscribe('xprivate-orders.7');
  });

  test('admit to a room under what they answer, or refuse', async () => {
    const ada = await fake.connect({ id: 'ada', info: { name: 'Ada' } });
    await ada.subscribe('presence-rooms.blue');
    expect(ada.present('presence-rooms.blue')).toEqual([{ id: 'ada', info: { name: 'Ada', host: true } }]);
    await expect(ada.subscribe('presence-rooms.closed')).rejects.toThrow('no authorizer');
  });

  test('leave the private broadcast channel open to every member', async () => {
    const ada = await fake.connect('ada');
    expect(ada.isConnected).toBe(true);
    await expect(ada.subscribe('private-others')).rejects.toThrow('no authorizer');
  });
});

test('a watchlist is signed with the signin', async () => {
  const { WatchingModule } = await page.run<{ WatchingModule: Type }>('watching.module.ts');
  const app = await NestFactory.create(WatchingModule, { logger: false });
  onTeardown(() => app.close());
  await app.listen(0, '127.0.0.1');
  const { port } = (app.getHttpServer() as { address(): AddressInfo }).address();
  const response = await fetch(`http://127.0.0.1:${port}/socket/user-auth`, {
    method: 'POST',
    body: new URLSearchParams({ socket_id: '1.2' }),
    headers: { authorization: 'Bearer ada' },
  });
  const { user_data } = (await response.json()) as { user_data: string };
  expect(JSON.parse(user_data)).toEqual({ id: 'ada', watchlist: ['alan', 'grace'] });
});

test('a token’s facts reach the authorizer, and nobody else', async () => {
  const { StaffModule } = await page.run<{ StaffModule: Type }>('staff.module.ts');
  await page.run('identity.ts');
  const app = await NestFactory.create(StaffModule, { logger: false });
  onTeardown(() => app.close());
  await app.listen(0, '127.0.0.1');
  const { port } = (app.getHttpServer() as { address(): AddressInfo }).address();
  const jwt = new JwtService({ secret: 'a secret of at least 32 characters' });
  const ask = async (claims: object, channel_name: string) => {
    const response = await fetch(`http://127.0.0.1:${port}/socket/auth`, {
      method: 'POST',
      body: new URLSearchParams({ socket_id: '1.2', channel_name }),
      headers: { authorization: `Bearer ${jwt.sign(claims)}` },
    });
    expect(await response.text()).not.toContain('roles');
    return response.status;
  };
  const ada = { sub: 'ada', tenant: 'acme', roles: ['staff'] };
  expect(await ask(ada, 'private-staff.acme')).toBe(200);
  expect(await ask(ada, 'private-staff.other')).toBe(403);
  expect(await ask({ ...ada, roles: [] }, 'private-staff.acme')).toBe(403);
});

describe('the endpoints', () => {
  let app: INestApplication;
  let url: string;
  beforeEach(async () => {
    app = await NestFactory.create(AppModule, { logger: false });
    await app.listen(0, '127.0.0.1');
    const { port } = (app.getHttpServer() as { address(): AddressInfo }).address();
    url = `http://127.0.0.1:${String(port)}/socket`;
  });
  afterEach(() => app.close());

  test.each([
    ['a signin', 'user-auth', { socket_id: '1.2' }, 'ada', 200],
    ['a signin without a session', 'user-auth', { socket_id: '1.2' }, undefined, 403],
    ['a signin as nobody may be called', 'user-auth', { socket_id: '1.2' }, 'x'.repeat(256), 403],
    ['a signin with a bad socket id', 'user-auth', { socket_id: 'x' }, 'ada', 400],
    ['a channel', 'auth', { socket_id: '1.2', channel_name: 'private-orders.7' }, 'ada', 200],
    ['the broadcast channel', 'auth', { socket_id: '1.2', channel_name: 'private-everybody' }, 'alan', 200],
    [
      'a channel of somebody else',
      'auth',
      { socket_id: '1.2', channel_name: 'private-orders.7' },
      'alan',
      403,
    ],
    [
      'a presence channel with too much about the member',
      'auth',
      { socket_id: '1.2', channel_name: 'presence-rooms.blue' },
      'é'.repeat(255),
      403,
    ],
    [
      'a presence channel with no more than fits',
      'auth',
      { socket_id: '1.2', channel_name: 'presence-rooms.blue' },
      'a'.repeat(255),
      200,
    ],
    ['a channel that nobody covers', 'auth', { socket_id: '1.2', channel_name: 'private-x' }, 'ada', 403],
    [
      'a channel with a bad name',
      'auth',
      { socket_id: '1.2', channel_name: '#server-to-user-ada' },
      'ada',
      400,
    ],
  ])('answer for %s as the table says', async (_, path, body, member, status) => {
    const response = await fetch(`${url}/${path}`, {
      method: 'POST',
      body: new URLSearchParams(body as Record<string, string>),
      headers: member === undefined ? {} : { authorization: `Bearer ${member}` },
    });
    expect(response.status).toBe(status);
  });
});
