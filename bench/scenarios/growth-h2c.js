import { connect } from 'node:net';
import { APP } from '../support/events.js';
import { growthScenario } from '../support/growth.js';
import { GrowthApp } from '../support/growth-app.js';

const SOCKETS = 10;

/** Requests that offer another protocol, many in one write. */
export default growthScenario({
  name: 'h2c',
  title: `So many pipelined requests on each of ${SOCKETS} sockets, with an offer of h2c and without`,
  sizes: [1, 10, 100, 1_000, 2_000],
  figures: [
    { name: 'longest turn with offers, ms', floor: 20 },
    { name: 'longest turn without, ms', floor: 20 },
  ],
  start: async ({ buildUrl, keep }) => {
    const app = keep(await GrowthApp.start(buildUrl));
    const offer =
      'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n';
    return async (requests) => ({
      'longest turn with offers, ms': await app.longestTurnMs(() => flood(app.port, requests, offer)),
      'longest turn without, ms': await app.longestTurnMs(() => flood(app.port, requests, '')),
    });
  },
});

/**
 * Resolves when every request of every socket is answered, or its socket is closed.
 *
 * @param {number} port
 * @param {number} requests
 * @param {string} headers
 */
async function flood(port, requests, headers) {
  const text = `GET /apps/${APP.id}/channels HTTP/1.1\r\nHost: 127.0.0.1\r\n${headers}\r\n`.repeat(requests);
  await Promise.all(
    Array.from({ length: SOCKETS }, async () => {
      let answers = 0;
      await new Promise((resolve) => {
        const socket = connect(port, '127.0.0.1', () => socket.write(text));
        socket.on('data', (chunk) => {
          answers += chunk.toString('latin1').split('HTTP/1.1 ').length - 1;
          if (answers >= requests) socket.destroy();
        });
        socket.on('error', () => undefined);
        socket.on('close', resolve);
      });
    }),
  );
}
