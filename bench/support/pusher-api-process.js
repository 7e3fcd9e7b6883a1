// Replaces hosted Pusher's HTTP API: checks nothing, and answers after a delay. Forked by speed-pusher-relay.js.
import { createServer } from 'node:http';
import { serve } from './rpc.js';

/** About the delay to another region. */
const ANSWER_MS = 10;
/** Allows this many connections at once; Linux would delay others by a second. */
const BACKLOG = 4_096;

/** @type {Buffer[][]} */
let bodies = [];
let connections = 0;

const server = createServer((request, response) => {
  /** @type {Buffer[]} */
  const body = [];
  bodies.push(body);
  request.on('data', (chunk) => void body.push(chunk));
  request.on('end', () => {
    setTimeout(() => {
      response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': 2 }).end('{}');
    }, ANSWER_MS);
  });
});
server.on('connection', () => connections++);
await new Promise((resolve) => server.listen(0, '127.0.0.1', BACKLOG, () => resolve(undefined)));

serve({
  /** The counts since the last call: requests, new connections, and the channels of all events. */
  asked: () => {
    const events = bodies.flatMap((body) => {
      const content = JSON.parse(Buffer.concat(body).toString());
      return content.batch ?? [content];
    });
    const channels = events.flatMap((event) => event.channels ?? [event.channel]);
    const asked = { requests: bodies.length, connections, channels };
    bodies = [];
    connections = 0;
    return asked;
  },
});

process.send?.({ port: /** @type {import('node:net').AddressInfo} */ (server.address()).port });
