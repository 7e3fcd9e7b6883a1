import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import type { Host } from '../../../support/host.js';
import { onTeardown } from '../../../support/teardown.js';

/** Some hostile traffic on one connection. */
export interface Item {
  readonly name: string;
  /** How many frames or requests it is. */
  readonly count: number;
  run(host: Host): Promise<void>;
}

/** Sends bytes, takes what is answered, and breaks off; the server may not answer that the fault was its own. */
export function exchange(name: string, bytes: Buffer, breaksOff: boolean): Item {
  return {
    name,
    count: 1,
    run: async (host) => {
      const socket = await tcp(host, bytes);
      const closed = once(socket, 'close');
      if (!breaksOff) {
        const answered = once(socket, 'data').catch(() => undefined);
        const answer = await Promise.race([answered, closed.then(() => undefined)]);
        const line = String(answer?.[0] ?? '').split('\r\n', 1)[0] ?? '';
        if (/^HTTP\/1\.1 5/.test(line)) throw new Error(`answered ${line}`);
      }
      socket.destroy();
      await closed;
    },
  };
}

/** Opens a connection, and sends these bytes. */
export async function tcp(host: Host, bytes: string | Buffer): Promise<Socket> {
  const socket = connectTcp(host.port, '127.0.0.1');
  onTeardown(() => socket.destroy());
  // A connection that a client breaks off is an error on its own side too.
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(bytes);
  return socket;
}

/** The text of an upgrade to a WebSocket. */
export function upgrade(path: string, more: readonly string[] = []): string {
  return [
    `GET ${path} HTTP/1.1`,
    'Host: localhost',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ...more,
    '\r\n',
  ].join('\r\n');
}
