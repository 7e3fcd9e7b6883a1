// What a host is watched with: modules for `node --import`, so that the host itself stays what it is.

const recordModules = `
import { register } from 'node:module';
register('./record-modules-hooks.mjs', import.meta.url);
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

/** The instruments' files, by their path in the instruments' folder. */
export const INSTRUMENT_FILES: Readonly<Record<string, string>> = {
  'record-modules.mjs': recordModules,
  'record-modules-hooks.mjs': recordModulesHooks,
  'let-drain.mjs': letDrain,
};

/** `record-modules` writes the URL of every module into the file `LOADED_MODULES`; `let-drain` see there. */
export type Instrument = 'record-modules' | 'let-drain';
