import { APP } from './events.js';

/**
 * The environment of a node.
 *
 * @param {string} buildUrl where the package's entry is
 * @param {Record<string, string>} [more]
 */
export const nodeEnv = (buildUrl, more = {}) => ({
  BENCH_BUILD: buildUrl,
  SOCKET_PROVIDER: 'ws',
  SOCKET_APP_ID: APP.id,
  SOCKET_APP_KEY: APP.key,
  SOCKET_APP_SECRET: APP.secret,
  SOCKET_HTTP_API: 'true',
  // A day, so that no client of the load generator is pinged during a run.
  SOCKET_ACTIVITY_TIMEOUT_S: '86400',
  ...more,
});
