import type { AbstractHttpAdapter } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { AuthorizeChannel, type ChannelAuthorizer } from 'nestjs-switchboard';
import { Host, type HostOptions } from '../../support/host.js';
import { subscribed } from '../../support/pusher-browser.js';
import { hearing } from '../../support/pusher-events.js';
import { SENT_AWAY } from '../../support/topology.js';

@AuthorizeChannel('presence-room.{room}')
class RoomChannel implements ChannelAuthorizer {
  authorize(): boolean {
    return true;
  }
}

const fastify = () => new FastifyAdapter() as AbstractHttpAdapter;

const hosts: [name: string, options: () => HostOptions & { socketPath?: string }][] = [
  ['Express', () => ({})],
  ['Fastify', () => ({ httpAdapter: fastify })],
  ['Express, the gateway below /ws', () => ({ gatewayPath: '/ws' })],
  ['Fastify, the gateway below /realtime/v1', () => ({ httpAdapter: fastify, gatewayPath: '/realtime/v1' })],
  [
    'Express with a global prefix',
    () => ({ prepare: (app) => app.setGlobalPrefix('api'), socketPath: '/api/socket' }),
  ],
  [
    'Fastify with a global prefix',
    () => ({
      httpAdapter: fastify,
      prepare: (app) => app.setGlobalPrefix('api'),
      socketPath: '/api/socket',
    }),
  ],
  ['Express with endpoints of another path', () => ({ path: 'realtime', socketPath: '/realtime' })],
  [
    'Express with a global prefix, another path and the gateway below /ws',
    () => ({
      path: 'realtime',
      gatewayPath: '/ws',
      prepare: (app) => app.setGlobalPrefix('api/v1'),
      socketPath: '/api/v1/realtime',
    }),
  ],
];

describe.each(hosts)('The gateway on %s (3.17)', (_, options) => {
  const start = async () => {
    const { socketPath, ...hostOptions } = options();
    const host = await Host.start({ ...hostOptions, providers: [RoomChannel] });
    return { host, open: (memberId: string) => host.browser(memberId, socketPath) };
  };

  test('serves a member: signin, broadcast, presence, and the end', async () => {
    const { host, open } = await start();
    const [ann, bob] = [await open('ann'), await open('bob')];
    const room = ann.channel('presence-room.1');
    const moves = hearing(room, 'pusher:member_added');
    await subscribed(room);
    await subscribed(bob.channel('presence-room.1'));
    expect(await moves.next()).toMatchObject({ data: { id: 'bob' } });

    const [toAnn, toBob] = [ann, bob].map(({ pusher }) => hearing(pusher.user, 'created'));
    await host.runtime.client.relayToMember('bob', 'created', { id: 7 });
    await host.runtime.client.relayToMember('ann', 'created', { id: 8 });
    expect(await toAnn?.next()).toMatchObject({ data: { id: 8 } });
    expect(await toBob?.next()).toMatchObject({ data: { id: 7 } });

    const raw = host.raw(`${host.runtime.config.gateway.path}/app/${host.app.key}?protocol=7`);
    await raw.greeted();
    for (const socket of [ann, bob]) socket.disconnect();
    await host.close();
    expect(SENT_AWAY).toContain((await raw.closed).code);
    expect(host.server.listenerCount('upgrade')).toBe(0);
    expect(host.server.listening).toBe(false);
  });

  test('leaves every other path alone', async () => {
    const { host } = await start();
    expect(await host.raw('/nowhere').closed).toMatchObject({ code: 4005 });
    expect((await fetch(`${host.url}/nowhere`)).status).toBe(404);
    expect((await fetch(`${host.url}/app/${host.app.key}?protocol=7`)).status).toBe(404);
  });
});

describe('The gateway below a path (3.17)', () => {
  test.each([
    '/app/switchboard-key',
    '/ws',
    '/wsapp/switchboard-key',
    '/ws/ws/app/switchboard-key',
    '/WS/app/switchboard-key',
  ])('refuses %s with 4005', async (path) => {
    const host = await Host.start({ gatewayPath: '/ws' });
    expect(await host.raw(`${path}?protocol=7`).closed).toMatchObject({ code: 4005 });
    await host.raw('/ws/app/switchboard-key?protocol=7').greeted();
  });

  test('answers a wrong path below it with 4005', async () => {
    const host = await Host.start({ gatewayPath: '/ws' });
    expect(await host.raw('/ws/app/switchboard-key/more?protocol=7').closed).toMatchObject({ code: 4005 });
  });
});

describe('Two applications in one process', () => {
  test('know nothing of each other’s members', async () => {
    const [one, two] = [await Host.start(), await Host.start()];
    const [ann, otherAnn] = [await one.browser('ann'), await two.browser('ann')];
    const [toAnn, toOther] = [hearing(ann.pusher.user, 'created'), hearing(otherAnn.pusher.user, 'created')];
    await one.runtime.client.relayToMember('ann', 'created', 1);
    await two.runtime.client.relayToMember('ann', 'created', 2);
    expect(await toAnn.next()).toMatchObject({ data: 1 });
    expect(await toOther.next()).toMatchObject({ data: 2 });
  });

  test('close one without the other', async () => {
    const [one, two] = [await Host.start(), await Host.start()];
    const ann = await two.browser('ann');
    await one.close();
    const toAnn = hearing(ann.pusher.user, 'created');
    await two.runtime.client.relayToMember('ann', 'created');
    expect(await toAnn.next()).toMatchObject({ event: 'created' });
  });
});
