export const CHANNEL = 'private-bench';

/**
 * A server and the clients that it has.
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
 * Where the load generator asks for events: the server's own process, or where that cannot be asked, its HTTP API.
 *
 * @param {import('./server.js').Server} server
 * @param {Omit<import('./api-asker.js').ApiRequest, 'app' | 'host' | 'port'>} publishing
 * @param {boolean} [isApi] whether everybody is to be asked through the HTTP API
 */
export function askedAt({ controlPort, api }, publishing, isApi = false) {
  if (controlPort !== undefined && !isApi) return { controlPort };
  if (api === undefined) throw new Error('This server has no HTTP API.');
  return { api: { ...api, ...publishing } };
}
