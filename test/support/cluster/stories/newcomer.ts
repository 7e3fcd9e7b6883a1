import { WebSocket } from 'ws';
import { channelAuth } from '../../signing.js';
import { APP } from '../app.js';
import { within } from '../waiting.js';
import type { Station } from './station.js';
import { ANSWERED_MS } from './visitor.js';

/** Comes to a presence channel as one of its members, only to be told who is there. */
export const Newcomer = {
  /** The roster that a node gives it; sorted. It has left again when this resolves. */
  async roster({ name, port }: Station, channel: string, id: string): Promise<string[]> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/app/${APP.key}?protocol=7`);
    const closed = new Promise<void>((resolve) =>
      socket.once('close', () => {
        resolve();
      }),
    );
    try {
      return await within(
        ANSWERED_MS,
        `the newcomer's subscription to ${channel} on ${name}`,
        told(socket, channel, id),
      );
    } finally {
      socket.close();
      await closed;
    }
  },
};

function told(socket: WebSocket, channel: string, id: string): Promise<string[]> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.on('message', (text: Buffer) => {
      const { event, data = '{}' } = JSON.parse(text.toString()) as { event: string; data?: string };
      if (event === 'pusher:connection_established') {
        const { socket_id: socketId } = JSON.parse(data) as { socket_id: string };
        const auth = channelAuth(APP, socketId, channel, { user_id: id });
        socket.send(JSON.stringify({ event: 'pusher:subscribe', data: { channel, ...auth } }));
      }
      if (event === 'pusher_internal:subscription_succeeded') {
        const { presence } = JSON.parse(data) as { presence: { ids: string[] } };
        resolve(presence.ids.sort());
      }
    });
  });
}
