import { FRAME_BYTES } from '../support/events.js';
import { nodeEnv } from '../support/node-env.js';

const SIZES = [1, 10, 100, 1_000];
const EVENTS = 50_000;

/** The memory of kept events, and the cost of a relay that is kept, with so many channels. */
export default {
  suite: 'history',
  name: 'memory',
  title: `${EVENTS} relays that are kept in memory, on so many channels without subscribers`,

  /** @type {import('../support/run.js').Run} */
  async run(bench) {
    const rows = [];
    for (const size of bench.isQuick ? SIZES.slice(0, 2) : SIZES) {
      const env = nodeEnv(bench.buildUrl, {
        SOCKET_HISTORY: 'bench-{n}',
        SOCKET_HISTORY_EVENTS: '0',
        SOCKET_HISTORY_BYTES: '0',
        SOCKET_HISTORY_TOTAL_BYTES: '0',
        SOCKET_HISTORY_S: '3600',
      });
      const pair = await bench.startPair({ name: 'history', file: './node-process.js', env, hasApi: true });
      const { server } = pair;
      await server.caller?.dispatch('prepare', { channel: 'bench-0', bytes: FRAME_BYTES });
      const relay = (/** @type {number} */ count) =>
        server.caller?.dispatch('relayToChannels', {
          channels: Array.from({ length: count }, (_, n) => `bench-${n % size}`),
        });
      await relay(2_000);
      const before = await server.memory();
      const { cpuUs } = await server.measure(async () => {
        for (let sent = 0; sent < EVENTS; sent += 5_000) await relay(5_000);
      });
      const after = await server.memory();
      await bench.end(pair.server, pair.load);
      const bytes = (after.heapUsed + after.external - before.heapUsed - before.external) / EVENTS;
      rows.push({
        label: `${size} channel(s)`,
        values: { 'bytes/event': Math.round(bytes), 'µs/relay': cpuUs / EVENTS },
      });
    }
    return { rows, notes: [`The data of an event has about ${FRAME_BYTES - 90} bytes.`], checks: [] };
  },
};
