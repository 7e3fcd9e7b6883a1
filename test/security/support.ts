import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { onTeardown } from '../support/teardown.js';

/** Sends bytes as they are, where a client's library would put them right, and reads until the server closes. */
export async function sendRaw(port: number, ...parts: readonly (string | Buffer)[]): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  onTeardown(() => socket.destroy());
  let answer = '';
  socket.on('data', (data: Buffer) => (answer += data.toString('latin1')));
  socket.on('error', () => undefined);
  for (const part of parts) socket.write(part);
  await once(socket, 'close');
  return answer;
}

/** A request that ends its connection, its target as it is written here. */
export function request(
  method: string,
  target: string,
  body = '',
  headers: Readonly<Record<string, string>> = {},
): string {
  const lines = Object.entries({ Host: 'app.example', Connection: 'close', ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  const length = body === '' ? '' : `Content-Length: ${Buffer.byteLength(body)}\r\n`;
  return `${method} ${target} HTTP/1.1\r\n${lines.join('')}${length}\r\n${body}`;
}

/** The status, the head and the body of an answer. */
export function answered(answer: string): { status: number; head: string; body: string } {
  const [head = '', ...rest] = answer.split('\r\n\r\n');
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1]), head, body: rest.join('\r\n\r\n') };
}

/** A WebSocket that was opened by hand, and reads nothing unless it is told to. */
export async function openByHand(port: number, path: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  onTeardown(() => socket.destroy());
  socket.on('error', () => undefined);
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  await once(socket, 'readable');
  return socket;
}

/** A masked frame of a client; the mask is zero. */
export function clientFrame(opcode: number, payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
}

/** All that is logged from now on, at any level, with what comes beside the message. */
export function everythingLogged(): { readonly lines: readonly string[] } {
  const lines: string[] = [];
  for (const level of ['log', 'warn', 'error', 'debug', 'verbose', 'fatal'] as const) {
    const spy = jest.spyOn(Logger.prototype, level).mockImplementation((...parts: unknown[]) => {
      lines.push(parts.map(String).join(' '));
    });
    onTeardown(() => {
      spy.mockRestore();
    });
  }
  return { lines };
}
