// The instruments that watch a host: modules for `node --import`, so that the host itself is unchanged.

const recordModules = `
import { appendFileSync } from 'node:fs';
import { createRequire, register } from 'node:module';
import { pathToFileURL } from 'node:url';
register('./record-modules-hooks.mjs', import.meta.url);
// Modules that CommonJS requires do not pass the hooks.
process.on('exit', () => {
  const required = Object.keys(createRequire(import.meta.url).cache).map((path) => pathToFileURL(path).href);
  appendFileSync(process.env.LOADED_MODULES, required.map((url) => url + '\\n').join(''));
});
`;

const recordModulesHooks = `
import { appendFileSync } from 'node:fs';
export function load(url, context, nextLoad) {
  appendFileSync(process.env.LOADED_MODULES, url + '\\n');
  return nextLoad(url, context);
}
`;

// Nest ends a shutdown by killing its own process, which would hide whatever still hangs. Without that, the process ends
// when nothing is left to wait for, and with exit code 0.
const letDrain = `
const { kill } = process;
process.kill = (pid, signal) => pid === process.pid || kill.call(process, pid, signal);
`;

// An application of `nest new` does not tell its port, and listens on every interface.
const tellAddress = `
import { Server } from 'node:net';
const { listen } = Server.prototype;
Server.prototype.listen = function (port, ...rest) {
  this.once('listening', () => console.log('Listening at http://127.0.0.1:' + this.address().port));
  return typeof port === 'object' ? listen.call(this, port, ...rest) : listen.call(this, port, '127.0.0.1', ...rest);
};
`;

/** The instruments' files, by their path in the instruments' folder. */
export const INSTRUMENT_FILES: Readonly<Record<string, string>> = {
  'record-modules.mjs': recordModules,
  'record-modules-hooks.mjs': recordModulesHooks,
  'let-drain.mjs': letDrain,
  'tell-address.mjs': tellAddress,
};

/**
 * `record-modules` writes the URL of every module into the file `LOADED_MODULES`, the last of them when the process ends by
 * itself; `let-drain` and `tell-address` see there.
 */
export type Instrument = 'record-modules' | 'let-drain' | 'tell-address';
