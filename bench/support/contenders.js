import { pathToFileURL } from 'node:url';
import { nodeEnv } from './node-env.js';

/** The name of Switchboard in the results. */
export const OURS = 'switchboard';

/**
 * The servers to compare: the project, its peers, and those that the command line names.
 *
 * @param {string} buildUrl
 * @param {readonly string[]} peers like `soketi=http://key:secret@127.0.0.1:6001/apps/id,4242` (a process that runs, and
 *   its id) or `mine=path/to/server.js` (a file like those in `peers/`)
 * @returns {import('./server.js').Contender[]}
 */
export function contenders(buildUrl, peers) {
  return [
    { name: OURS, file: './node-process.js', env: nodeEnv(buildUrl), hasApi: true },
    {
      name: 'socket-io',
      file: './node-process.js',
      env: nodeEnv(buildUrl, { SOCKET_PROVIDER: 'socket-io' }),
      hasApi: false,
    },
    { name: 'ws', file: '../peers/ws.js', hasApi: true },
    { name: 'socket.io', file: '../peers/socket-io.js', hasApi: false },
    { name: 'net', file: '../peers/net.js', hasApi: false },
    ...peers.map(peer),
  ];
}

/**
 * @param {string} text
 * @returns {import('./server.js').Contender}
 */
function peer(text) {
  const [, name = '', where = ''] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (name === '') throw new Error(`--peer is name=url,pid or name=file, and not ${text}.`);
  if (!where.startsWith('http://')) return { name, file: pathToFileURL(where).href, hasApi: false };
  const [address = '', pid] = where.split(',');
  const { hostname, port, username, password, pathname } = new URL(address);
  const id = /^\/apps\/([^/]+)$/.exec(pathname)?.[1];
  if (id === undefined || !Number.isInteger(Number(pid ?? 'none'))) {
    throw new Error(`--peer ${name} is http://key:secret@host:port/apps/id,pid, and not ${where}.`);
  }
  const app = { id, key: decodeURIComponent(username), secret: decodeURIComponent(password) };
  return { name, hasApi: true, running: { pid: Number(pid), host: hostname, port: Number(port), app } };
}
