import { endChild, startChild } from '../support/children.js';
import { interleave, median } from '../support/statistics.js';

/** The start time of a Nest application, in a process that does nothing else. */
export default {
  suite: 'speed',
  name: 'start',
  title:
    'A Nest application starts (imports, create, init), without and with SocketModule on the provider memory',

  /** @type {import('../support/run.js').Run} */
  async run({ rounds, buildUrl }) {
    const setups = [
      { label: 'without', env: {} },
      { label: 'with', env: { BENCH_BUILD: buildUrl } },
    ];
    const measured = await interleave(2 * rounds + 1, setups, async ({ label, env }) => {
      const { caller, ready } = await startChild('./start-process.js', `an application ${label} it`, env);
      await endChild(caller);
      return /** @type {{ milliseconds: number, cpuMs: number }} */ (ready);
    });
    const [without = [], having = []] = measured;
    const differences = (/** @type {'milliseconds' | 'cpuMs'} */ which) =>
      having.map((figures, round) => figures[which] - (without[round]?.[which] ?? Number.NaN));
    return {
      rows: [
        ...setups.map(({ label }, index) => ({
          label,
          values: {
            ms: median((measured[index] ?? []).map(({ milliseconds }) => milliseconds)),
            'CPU, ms': median((measured[index] ?? []).map(({ cpuMs }) => cpuMs)),
          },
        })),
        {
          label: 'more',
          values: { ms: median(differences('milliseconds')), 'CPU, ms': median(differences('cpuMs')) },
        },
      ],
      checks: [
        {
          name: 'start: CPU, with / without',
          kind: 'cpu',
          value: median(having.map(({ cpuMs }, round) => cpuMs / (without[round]?.cpuMs ?? Number.NaN))),
        },
      ],
    };
  },
};
