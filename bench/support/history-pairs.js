import { OURS } from './contenders.js';
import { nodeEnv } from './node-env.js';

/** The environment that switches history on for everything that the scenarios send. */
export const HISTORY = { SOCKET_HISTORY: 'members,private-bench' };

/**
 * The same server twice: without history, and with it. Another build can be a third one.
 *
 * @param {import('./run.js').Bench} bench
 * @returns {Promise<import('./run.js').Pair[]>}
 */
export const historyPairs = ({ startPair, buildUrl }) =>
  Promise.all(
    [
      { name: OURS, env: nodeEnv(buildUrl, HISTORY) },
      { name: 'without history', env: nodeEnv(buildUrl) },
      // A build of another commit, whose costs without history are compared: BENCH_BEFORE=file:///…/dist/index.js
      ...(process.env['BENCH_BEFORE'] === undefined
        ? []
        : [{ name: 'before', env: nodeEnv(process.env['BENCH_BEFORE']) }]),
    ].map((contender) => startPair({ ...contender, file: './node-process.js', hasApi: true })),
  );
