import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { RawClient } from '../../../support/raw-client.js';
import { reset } from '../../../support/reset.js';
import { onTeardown } from '../../../support/teardown.js';
import { closing, gone, hello, listener, PATH, publish, start, Wire } from './wire.js';

describe('The answer to an upgrade', () => {
  test('comes in one piece with the greeting', async () => {
    const { host } = await start();
    const wire = Wire.open(host);
    await wire.greeted();
    expect(wire.reads).toHaveLength(1);
    expect(wire.reads[0]?.toString('latin1')).toMatch(/^HTTP\/1\.1 101 [\s\S]*connection_established/);
  });

  test('comes in one piece with the refusal and its close frame', async () => {
    const { host } = await start();
    const wire = new Wire(connectTcp(host.port, '127.0.0.1'));
    wire.socket.write(hello().replace('switchboard-key', 'nobody'));
    await wire.until('the close', () => wire.code !== undefined);
    expect(wire.reads).toHaveLength(1);
    expect(wire.messages).toMatchObject([{ event: 'pusher:error', data: { code: 4001 } }]);
    expect(wire.code).toBe(4001);
    wire.socket.write(closing(4001));
    await wire.ended();
  });

  test('declines compression, whoever offers it', async () => {
    const { host } = await start();
    const wire = Wire.open(
      host,
      'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, permessage-deflate',
    );
    await wire.greeted();
    expect(wire.head).not.toMatch(/extensions/i);
    await wire.joins('news');
    await publish(host, 'news', 'x'.repeat(5_000));
    await wire.hears('told');

    const client = RawClient.open(`ws://127.0.0.1:${host.port}${PATH}`, {
      perMessageDeflate: { threshold: 0 },
    });
    await client.greeted();
    expect(client.socket.extensions).toBe('');
  });

  test.each([
    [
      'a version nobody speaks',
      hello().replace('Version: 13', 'Version: 12'),
      400,
      /^sec-websocket-version: 13/im,
    ],
    ['no version', hello().replace('Sec-WebSocket-Version: 13\r\n', ''), 400, /sec-websocket-version/i],
    ['no key', hello().replace(/Sec-WebSocket-Key.*\r\n/, ''), 400, /^content-length: /im],
    ['half a key', hello().replace('dGhlIHNhbXBsZSBub25jZQ==', 'dGhl'), 400, /^content-length: /im],
    ['a protocol that is none', hello('Sec-WebSocket-Protocol: ,'), 400, /^content-length: /im],
    ['another method', hello().replace('GET', 'PUT'), 405, /^content-length: /im],
  ])('says what is wrong with %s, and keeps nothing open', async (_, request, status, header) => {
    const { host, sockets } = await start();
    for (const allowHalfOpen of [false, true]) {
      const wire = new Wire(connectTcp({ port: host.port, host: '127.0.0.1', allowHalfOpen }));
      wire.socket.write(request);
      await wire.until('the answer', () => wire.head !== '');
      expect(wire.head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
      expect(wire.head).toMatch(header);
      if (allowHalfOpen) wire.socket.end();
      await wire.ended();
    }
    expect(sockets).toHaveLength(2);
    await gone(sockets);
    expect(host.engines.connections).toBe(0);
  });

  test('has a body, whole, although the socket was corked', async () => {
    const { host } = await start();
    const socket = connectTcp(host.port, '127.0.0.1');
    onTeardown(() => socket.destroy());
    socket.write(hello().replace('Version: 13', 'Version: 12'));
    let answer = '';
    socket.on('data', (data: Buffer) => (answer += data.toString()));
    await once(socket, 'end');
    const length = Number(/content-length: (\d+)/i.exec(answer)?.[1]);
    expect(answer.split('\r\n\r\n')[1]).toHaveLength(length);
  });

  test('may never be read: who leaves before it comes is forgotten', async () => {
    const { host, sockets } = await start();
    for (let number = 0; number < 10; number++) {
      const socket = connectTcp(host.port, '127.0.0.1');
      await once(socket, 'connect');
      await new Promise((resolve) => socket.write(hello(), resolve));
      if (number % 2 === 0) reset(socket);
      else socket.end(() => socket.destroy());
    }
    const wire = await listener(host, 'news');
    do {
      await publish(host, 'news', 1);
      await nextTurn();
    } while (host.engines.connections > 1);
    await wire.hears('told');
    wire.socket.destroy();
    await gone(sockets);
  });
});
