import { connect as connectTls } from 'node:tls';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { WebSocket } from 'ws';
import { certificate } from '../../../support/certificate.js';
import { RawClient } from '../../../support/raw-client.js';
import { hello, numbers, PATH, publish, slowReaders, start, TEXT, Wire } from './wire.js';

describe('Over TLS', () => {
  const frameworks: [string, (https: { key: string; cert: string }) => AbstractHttpAdapter][] = [
    ['Express', (https) => new TlsExpress(https)],
    ['Fastify', (https) => new FastifyAdapter({ https })],
  ];

  test.each(frameworks)(
    'on %s everything of one turn arrives in order, and the close behind it',
    async (_, adapter) => {
      const https = await certificate();
      const { host } = await start({ httpAdapter: () => adapter(https) });
      const wires = await Promise.all(
        numbers(5).map(async () => {
          const wire = new Wire(
            connectTls({ port: host.port, host: '127.0.0.1', rejectUnauthorized: false }),
          );
          wire.socket.write(hello());
          await wire.signsIn(host, await wire.greeted(), 'ann');
          await wire.joins('news');
          return wire;
        }),
      );
      await Promise.all(numbers(200).map((number) => publish(host, 'news', [number, 'x'.repeat(2_000)])));
      for (const wire of wires) await wire.until('all', () => wire.of(TEXT).length === 203);
      void host.runtime.client.relayToMember('ann', 'told', [200]);
      void host.runtime.client.disconnectMember('ann');
      for (const wire of wires) {
        await wire.ended();
        expect(wire.events('told').map((data) => (data as [number])[0])).toEqual(numbers(201));
        expect(wire.code).toBe(4009);
      }
    },
  );

  test('a real WebSocket client is served too, and a burst below the bound is no reason to close it', async () => {
    const https = await certificate();
    const { host } = await start({ httpAdapter: () => new TlsExpress(https) });
    const client = RawClient.open(`wss://127.0.0.1:${host.port}${PATH}`, { rejectUnauthorized: false });
    await client.greeted();
    client.say('pusher:subscribe', { channel: 'news' });
    await client.next();
    await Promise.all(numbers(90).map((number) => publish(host, 'news', [number, 'x'.repeat(10_000)])));
    for (const number of numbers(90)) {
      const { data } = await client.next();
      expect((JSON.parse(data as string) as [number])[0]).toBe(number);
    }
    expect(client.socket.readyState).toBe(WebSocket.OPEN);
    expect(slowReaders(host)).toBe(0);
  });
});

class TlsExpress extends ExpressAdapter {
  constructor(private readonly https: { key: string; cert: string }) {
    super();
  }

  override initHttpServer(): void {
    super.initHttpServer({ httpsOptions: this.https });
  }
}
