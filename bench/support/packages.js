import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('..', import.meta.url));
const COMMAND = ['npm', 'ci', '--prefix', FOLDER, '--no-audit', '--no-fund'];

/** @param {string} path in this folder @returns {Promise<any>} nothing when there is no such file */
async function read(path) {
  try {
    return JSON.parse(await readFile(`${FOLDER}/${path}`, 'utf8'));
  } catch {
    return undefined;
  }
}

/**
 * Installs the packages that only the bench needs, unless they are installed.
 *
 * @param {(text: string) => void} say
 */
export async function installPackages(say) {
  const wanted = (await read('package-lock.json')).packages;
  const installed = (await read('node_modules/.package-lock.json'))?.packages ?? {};
  const isThere = (/** @type {string} */ path) => installed[path]?.version === wanted[path].version;
  if (
    Object.keys(wanted)
      .filter((path) => path !== '')
      .every(isThere)
  )
    return;
  const [command = '', ...args] = COMMAND;
  say(`The peers' packages are missing: ${COMMAND.join(' ')}`);
  const [code] = await once(spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] }), 'exit');
  if (code !== 0)
    throw new Error(`The peers' packages cannot be installed. Run "${COMMAND.join(' ')}" yourself.`);
}

/** The versions of the peers. @returns {Promise<Record<string, string>>} */
export async function peerVersions() {
  const { dependencies } = await read('package.json');
  const versions = Object.keys(dependencies).map(async (name) => [
    name,
    (await read(`node_modules/${name}/package.json`)).version,
  ]);
  return Object.fromEntries(await Promise.all(versions));
}
