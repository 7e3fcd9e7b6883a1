import { endChild, startChild } from '../support/children.js';
import { APP, memberOf, userChannel } from '../support/events.js';
import { measure } from '../support/server.js';
import { interleave, median, medians } from '../support/statistics.js';

const [OURS, SDK, SDK_IN_TURN] = [
  { label: 'switchboard, at once', way: 'service', isAtOnce: true },
  { label: 'SDK, at once', way: 'sdk', isAtOnce: true },
  { label: 'SDK, one after the other', way: 'sdk', isAtOnce: false },
];

/** Relays through the provider `pusher`, to an HTTP API that answers each request after ten milliseconds. */
export default {
  suite: 'speed',
  name: 'pusher-relay',
  title: 'Relays to 1000 members through Pusher (each request answered after 10 ms), all together',

  /** @type {import('../support/run.js').Run} */
  async run({ rounds, isQuick, buildUrl }) {
    const members = 1_000;
    const { caller: api, ready } = await startChild('./pusher-api-process.js', 'the Pusher HTTP API');
    const { caller } = await startChild('./pusher-process.js', 'pusher', {
      BENCH_BUILD: buildUrl,
      SOCKET_PROVIDER: 'pusher',
      SOCKET_APP_ID: APP.id,
      SOCKET_APP_KEY: APP.key,
      SOCKET_APP_SECRET: APP.secret,
      PUSHER_HOST: '127.0.0.1',
      PUSHER_PORT: String(ready.port),
      PUSHER_SCHEME: 'http',
    });

    /** @param {typeof OURS} setup */
    const round = async ({ way, isAtOnce }) => {
      const { cpuUs, milliseconds } = await measure(/** @type {number} */ (caller.child.pid), () =>
        caller.dispatch('relay', { way, members, isAtOnce }),
      );
      const { requests, connections, channels } = await api.dispatch('asked');
      expectEverybody(channels, members);
      return { requests, connections, milliseconds, cpuUs: cpuUs / members };
    };

    const atOnce = [OURS, SDK];
    for (const setup of atOnce) await round(setup);
    const measured = await interleave(2 * rounds, atOnce, round);
    const inTurn = isQuick ? [] : [await round(SDK_IN_TURN)];
    await Promise.all([caller, api].map(endChild));

    const setups = [...atOnce, ...(isQuick ? [] : [SDK_IN_TURN])];
    const figures = [...measured, inTurn].filter(({ length }) => length > 0).map((its) => medians(its));
    const ratios = (measured[0] ?? []).map(({ milliseconds }, index) => {
      return milliseconds / (measured[1]?.[index]?.milliseconds ?? Number.NaN);
    });
    return {
      rows: setups.map(({ label }, index) => ({
        label,
        values: {
          requests: figures[index]?.requests,
          connections: figures[index]?.connections,
          ms: figures[index]?.milliseconds,
          'µs/relay': figures[index]?.cpuUs,
          'ours/its':
            index === 0 ? undefined : (figures[0]?.milliseconds ?? 0) / (figures[index]?.milliseconds ?? 0),
        },
      })),
      notes: ['µs/relay: CPU of the process that relays; ours/its: of the milliseconds'],
      checks: [
        { name: 'pusher-relay: requests', kind: 'count', value: figures[0]?.requests ?? Number.NaN },
        { name: 'pusher-relay: ms, switchboard / SDK at once', kind: 'latency', value: median(ratios) },
      ],
    };
  },
};

/**
 * Throws unless each member was sent one event.
 *
 * @param {readonly string[]} channels
 * @param {number} members
 */
function expectEverybody(channels, members) {
  const found = new Set(channels);
  const isEverybody = Array.from({ length: members }, (_, index) => userChannel(memberOf(index))).every(
    (channel) => found.has(channel),
  );
  if (!isEverybody || channels.length !== members) {
    throw new Error(`Relays to ${members} members became ${channels.length}, to ${found.size} of them.`);
  }
}
