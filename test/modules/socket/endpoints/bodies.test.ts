import type { INestApplication, NestApplicationOptions } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import express from 'express';
import { LIMITS } from 'nestjs-switchboard';
import { connect } from 'nestjs-switchboard/browser';
import { ADA, APP, ENCODINGS, post, SOCKET_ID } from '../../../support/auth-requests.js';
import { FRAMEWORKS, logged, startHost } from '../../../support/hosts.js';
import { Pusher } from '../../../support/pusher-browser.js';
import { onTeardown } from '../../../support/teardown.js';

interface Case {
  readonly name: string;
  readonly framework: keyof typeof FRAMEWORKS;
  readonly settings?: NestApplicationOptions;
  readonly prepare?: (app: INestApplication) => void;
}

const asExpress = (app: INestApplication) => app as NestExpressApplication;
const asFastify = (app: INestApplication) => app as NestFastifyApplication;

const BARE = { bodyParser: false };

const CASES: readonly Case[] = [
  { name: 'no body parser on Express', framework: 'express', settings: BARE },
  { name: 'no body parser on Fastify', framework: 'fastify', settings: BARE },
  { name: 'the raw bodies too on Express', framework: 'express', settings: { rawBody: true } },
  { name: 'the raw bodies too on Fastify', framework: 'fastify', settings: { rawBody: true } },
  {
    name: 'Express’s parser of JSON only',
    framework: 'express',
    settings: BARE,
    prepare: (app) => app.use(express.json()),
  },
  {
    name: 'Nest’s parser of JSON only on Express',
    framework: 'express',
    settings: BARE,
    prepare: (app) => asExpress(app).useBodyParser('json'),
  },
  {
    name: 'raw bodies only on Express',
    framework: 'express',
    settings: BARE,
    prepare: (app) => app.use(express.raw({ type: '*/*' })),
  },
  {
    name: 'bodies as texts only on Express',
    framework: 'express',
    settings: BARE,
    prepare: (app) => app.use(express.text({ type: '*/*' })),
  },
  {
    name: 'a middleware that keeps the body as rawBody on Express',
    framework: 'express',
    settings: BARE,
    prepare: (app) =>
      app.use((request: express.Request & { rawBody?: Buffer }, _: unknown, next: () => void) => {
        const chunks: Buffer[] = [];
        request
          .on('data', (chunk: Buffer) => chunks.push(chunk))
          .on('end', () => {
            request.rawBody = Buffer.concat(chunks);
            next();
          });
      }),
  },
  {
    name: 'a parser of one other type on Fastify',
    framework: 'fastify',
    settings: BARE,
    prepare: (app) => {
      asFastify(app).useBodyParser('application/xml', {}, (_request, body, done) => {
        done(null, body);
      });
    },
  },
  {
    name: 'a parser of forms of its own on Fastify',
    framework: 'fastify',
    prepare: (app) => {
      asFastify(app).useBodyParser('application/x-www-form-urlencoded', {}, (_request, _body, done) => {
        done(null, 'nothing');
      });
    },
  },
];

const FIELDS = { socket_id: SOCKET_ID };

describe.each(CASES)('An application with $name', ({ framework, settings, prepare }) => {
  const start = () =>
    startHost({ provider: 'ws', app: APP }, { httpAdapter: FRAMEWORKS[framework], settings, prepare });

  test.each(ENCODINGS)('is asked for a signin with %s', async (_title, send) => {
    const { url } = await start();
    expect((await send(`${url}/socket/user-auth`, FIELDS))[0]).toBe(200);
    const [status, { code }] = await send(`${url}/socket/user-auth`, { socket_id: 'x' });
    expect([status, code]).toEqual([400, 'INVALID_SOCKET_ID']);
  });

  test('signs the member of a real pusher-js in', async () => {
    const { url } = await start();
    const socket = await connect(Pusher, { url, headers: ADA });
    onTeardown(() => {
      socket.disconnect();
    });
    expect(socket.pusher.connection.state).toBe('connected');
  });
});

describe.each(Object.entries(FRAMEWORKS))('A body that %s does not parse', (_, httpAdapter) => {
  const start = () =>
    startHost({ provider: 'ws', app: APP }, { httpAdapter, settings: { bodyParser: false } });
  const form = { 'Content-Type': 'application/x-www-form-urlencoded' };

  test('is refused with 413 above the limit, and read below it', async () => {
    const { url } = await start();
    const fields = `socket_id=${SOCKET_ID}&more=`;
    const ask = (bytes: number) =>
      fetch(`${url}/socket/user-auth`, {
        method: 'POST',
        body: fields.padEnd(bytes, 'x'),
        headers: { ...ADA, ...form },
      });
    expect((await ask(LIMITS.authRequestBytes)).status).toBe(200);
    expect((await ask(LIMITS.authRequestBytes + 1)).status).toBe(413);
  });

  test('is refused with 415 when it is neither a form nor JSON, and the answer names both', async () => {
    const { url } = await start();
    const [status, { message }] = await post(`${url}/socket/user-auth`, `socket_id=${SOCKET_ID}`, {
      ...ADA,
      'Content-Type': 'text/plain',
    });
    expect(status).toBe(415);
    expect(message).toMatch(/application\/x-www-form-urlencoded or application\/json; it is "text\/plain"/);
  });

  test('is refused with 400 when it is broken JSON, or has a field twice', async () => {
    const { url } = await start();
    const json = { ...ADA, 'Content-Type': 'application/json' };
    expect((await post(`${url}/socket/user-auth`, '{', json))[1]).toMatchObject({
      statusCode: 400,
      code: 'UNREADABLE_BODY',
    });
    const twice = await post(`${url}/socket/user-auth`, 'socket_id=1.2&socket_id=3.4', { ...ADA, ...form });
    expect(twice[1]).toMatchObject({ statusCode: 400, code: 'INVALID_SOCKET_ID' });
  });
});

test('a body that other code has read and kept is the application’s fault, and the answer says so', async () => {
  const lines = logged('debug');
  const { url } = await startHost(
    { provider: 'ws', app: APP },
    {
      settings: { bodyParser: false },
      prepare: (app) =>
        app.use((request: express.Request, _: unknown, next: () => void) => {
          request.on('end', next).resume();
        }),
    },
  );
  const [status, { message }] = await post(
    `${url}/socket/user-auth`,
    new URLSearchParams({ socket_id: SOCKET_ID }),
    ADA,
  );
  expect(status).toBe(500);
  expect(message).toMatch(/left it neither in request.body nor in request.rawBody/);
  expect(lines.lines.join()).toContain('request.rawBody');
});
