import { FRAME_BYTES } from '../support/events.js';
import { HISTORY } from '../support/history-pairs.js';
import { nodeEnv } from '../support/node-env.js';
import { median } from '../support/statistics.js';

const PAGES = 2_000;
const MISSED = 10;
/** So many ask at the same moment. */
const AT_ONCE = 50;

/** Pages that come back after a restart of the network, and ask what they missed on a public channel, all at once. */
export default {
  suite: 'history',
  name: 'catch-up',
  title: `${PAGES} pages ask for ${MISSED} events each that they missed, CPU of the server`,

  /** @type {import('../support/run.js').Run} */
  async run(bench) {
    const env = nodeEnv(bench.buildUrl, { ...HISTORY, SOCKET_HISTORY: 'bench' });
    const pair = await bench.startPair({ name: 'history', file: './node-process.js', env, hasApi: true });
    const { server } = pair;
    const url = server.target.url.replace(/^ws/, 'http').replace(/\/app\/.*$/, '');
    const ask = async (/** @type {string} */ position) => {
      const body = new URLSearchParams({ channel_name: 'bench', position });
      const response = await fetch(`${url}/socket/history`, { method: 'POST', body });
      return /** @type {Promise<{ position: string, events: unknown[] }>} */ (response.json());
    };
    const { position } = await ask('live');
    await server.caller?.dispatch('prepare', { channel: 'bench', bytes: FRAME_BYTES });
    await server.caller?.dispatch('relayToChannels', {
      channels: Array.from({ length: MISSED }, () => 'bench'),
    });
    const costs = [];
    for (let round = 0; round < bench.rounds; round++) {
      const { cpuUs } = await server.measure(async () => {
        let asked = 0;
        await Promise.all(
          Array.from({ length: AT_ONCE }, async () => {
            while (asked++ < PAGES) {
              const { events } = await ask(position);
              if (events.length !== MISSED) throw new Error(`${events.length} events were caught up.`);
            }
          }),
        );
      });
      costs.push(cpuUs);
    }
    await bench.end(pair.server, pair.load);
    const seconds = median(costs) / 1e6;
    return {
      rows: [{ label: `${PAGES} pages`, values: { 'CPU s': seconds, 'µs/page': (seconds * 1e6) / PAGES } }],
      checks: [],
    };
  },
};
