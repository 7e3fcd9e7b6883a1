// A minimal signed Pusher server on npm `ws` and `node:http`: no presence, no limits, no metrics.
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';
import { EVENT, userChannel } from '../support/events.js';
import { portOf, Publisher, serveServer } from '../support/publisher.js';
import { httpApi } from './http-api.js';
import { frameOf, isAuthorized, PusherServer } from './pusher.js';

const USER_CHANNEL = userChannel('');
/** @type {PusherServer<import('ws').WebSocket>} */
const pusher = new PusherServer(isAuthorized, (socket, text) => socket.send(text));

/**
 * @param {string} channel
 * @param {string} event
 * @param {string} data
 */
function publish(channel, event, data) {
  if (channel.startsWith(USER_CHANNEL)) {
    pusher.members.get(channel.slice(USER_CHANNEL.length))?.socket.send(frameOf(channel, event, data));
    return;
  }
  const text = frameOf(channel, event, data);
  for (const { socket } of pusher.channels.get(channel) ?? []) socket.send(text);
}

const server = createServer(httpApi(publish));
new WebSocketServer({ server, perMessageDeflate: false }).on('connection', (socket) => {
  const session = pusher.open(socket);
  socket.on('message', (data) => pusher.receive(session, String(data)));
  socket.on('close', () => pusher.close(session));
  socket.on('error', () => undefined);
});

const publisher = new Publisher({
  toChannel: (channel, payload) => publish(channel, EVENT, JSON.stringify(payload)),
  toMember: (memberId, payload) => publish(userChannel(memberId), EVENT, JSON.stringify(payload)),
});
await serveServer(publisher, { port: await portOf(server) });
