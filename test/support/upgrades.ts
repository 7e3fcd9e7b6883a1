import { EventEmitter } from 'node:events';
import type { Server } from 'node:http';

/** Whether nobody stands between a server and its listeners. */
export const hasItsOwnEmit = (server: Server): boolean =>
  Reflect.get(server, 'emit') === Reflect.get(EventEmitter.prototype, 'emit');
