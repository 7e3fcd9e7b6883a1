// Socket.IO with rooms: WebSockets only, no compression, and a signature checked at every join.
import { createServer } from 'node:http';
import { Server } from 'socket.io';
import { EVENT } from '../support/events.js';
import { portOf, Publisher, serveServer } from '../support/publisher.js';
import { isAuthorized } from './pusher.js';

const DAY_MS = 86_400_000;

const server = createServer();
const io = new Server(server, {
  transports: ['websocket'],
  perMessageDeflate: false,
  serveClient: false,
  // No pings during a run, as with the other servers.
  pingInterval: DAY_MS,
});
/** @type {Map<string, import('socket.io').Socket>} */
const members = new Map();

io.on('connection', (socket) => {
  let memberId = '';
  socket.on('join', ({ channel, auth }, answer) => {
    if (!isAuthorized(auth, `${socket.id}:${channel}`)) {
      answer('refused');
      return;
    }
    void socket.join(channel);
    answer('ok');
  });
  socket.on('signin', ({ user_data: userData, auth }, answer) => {
    if (!isAuthorized(auth, `${socket.id}::user::${userData}`)) {
      answer('refused');
      return;
    }
    memberId = JSON.parse(userData).id;
    members.set(memberId, socket);
    answer('ok');
  });
  socket.on('disconnect', () => members.delete(memberId));
});

const publisher = new Publisher(
  {
    toChannel: (channel, payload) => io.to(channel).emit(EVENT, payload),
    toMember: (memberId, payload) => members.get(memberId)?.emit(EVENT, payload),
  },
  'socket.io',
);
await serveServer(publisher, { port: await portOf(server), dialect: 'socket.io' });
