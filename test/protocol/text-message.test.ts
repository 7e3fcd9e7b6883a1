import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import { textMessage } from '../../src/protocol/text-message.js';

let server: Server;
let wire: Buffer;

beforeAll(async () => {
  const sockets = new WebSocketServer({ noServer: true });
  server = createServer().on('upgrade', (request, socket, head) => {
    sockets.handleUpgrade(request, socket, head, (client) => {
      socket.write(wire);
      client.close();
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
});

afterAll(async () => {
  await once(server.close(), 'close');
});

/** The message as a client reads it that takes the RFC at its word: a wrong length or a mask would end its connection. */
async function heardOf(...texts: string[]): Promise<{ text: string; isBinary: boolean }[]> {
  wire = Buffer.concat(texts.map(textMessage));
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const heard: { text: string; isBinary: boolean }[] = [];
  client.on('message', (data: Buffer, isBinary) => heard.push({ text: data.toString(), isBinary }));
  const [code] = (await once(client, 'close')) as [number];
  expect(code).toBe(1005);
  return heard;
}

describe('A text as a WebSocket message (RFC 6455 section 5.2)', () => {
  test.each([0, 1, 125, 126, 127, 65_535, 65_536, 100_000])(
    'of %i bytes is read as it was written',
    async (bytes) => {
      const text = 'x'.repeat(bytes);
      expect(await heardOf(text)).toEqual([{ text, isBinary: false }]);
    },
  );

  test('has the length in bytes, not in characters', async () => {
    const text = 'ü💬'.repeat(30);
    expect(await heardOf(text)).toEqual([{ text, isBinary: false }]);
  });

  test('can be followed by others in the same buffer', async () => {
    const heard = await heardOf('one', '', 'three');
    expect(heard.map(({ text }) => text)).toEqual(['one', '', 'three']);
  });

  test('is one buffer, header and text', () => {
    expect(textMessage('x'.repeat(125))).toHaveLength(2 + 125);
    expect(textMessage('x'.repeat(126))).toHaveLength(4 + 126);
    expect(textMessage('x'.repeat(65_536))).toHaveLength(10 + 65_536);
  });
});
