// The load generator: every browser of a run in one process, which counts every frame. Forked by cluster.js.
import { Audience } from './audience.js';
import { Failures } from './failures.js';
import { Guests } from './guests.js';
import { serve } from './rpc.js';

const failures = new Failures();
/** @type {Map<string, any>} */
const groups = new Map();

serve({
  /** Makes a group of clients, which can be called afterwards. */
  audience: ({ name }) => void groups.set(name, new Audience(failures)),
  guests: ({ name }) => void groups.set(name, new Guests(failures)),
  /** Calls a group's method. */
  group: ({ name, method, values }) => groups.get(name)[method](values),
  forget: ({ name }) => void groups.delete(name),
  verify: () => failures.verify(),
});

process.send?.({});
