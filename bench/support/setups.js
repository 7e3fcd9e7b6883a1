export const CHANNEL = 'private-bench';

/**
 * A server and its clients.
 *
 * @typedef {{ name: string, server: import('./server.js').Server,
 *   audience: import('./load.js').Remote<import('./audience.js').Audience>, close: () => Promise<void> }} Setup
 */

/**
 * Gives every server clients, all with the same subscriptions.
 *
 * @param {readonly import('./run.js').Pair[]} pairs
 * @param {{ count: number, channels?: string[], areMembers?: boolean }} clients whether each one is a member of its own
 * @returns {Promise<Setup[]>}
 */
export async function audiences(pairs, { count, ...each }) {
  const setups = [];
  for (const { name, server, load } of pairs) {
    const { audience, close } = await load.visitors();
    await audience.open({ nodes: [{ ...server.target, count }], ...each });
    setups.push({ name, server, audience, close });
  }
  return setups;
}

/**
 * The place where the load generator requests events: the server's own process, or its HTTP API where the process has no port
 * for that.
 *
 * @param {import('./server.js').Server} server
 * @param {Omit<import('./api-asker.js').ApiRequest, 'app' | 'host' | 'port'>} publishing
 * @param {boolean} [isApi] whether every server is used through its HTTP API
 */
export function askedAt({ controlPort, api }, publishing, isApi = false) {
  if (controlPort !== undefined && !isApi) return { controlPort };
  if (api === undefined) throw new Error('This server has no HTTP API.');
  return { api: { ...api, ...publishing } };
}
