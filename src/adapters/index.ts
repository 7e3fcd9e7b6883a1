import type { SocketAdapter } from './adapter.js';
import { memoryAdapter } from './memory/memory.adapter.js';
import { pusherAdapter } from './pusher/pusher.adapter.js';
import { wsAdapter } from './ws/ws.adapter.js';

/** The adapters that come with the package. Each is loaded when it is chosen. */
export const BUILT_IN_ADAPTERS: readonly SocketAdapter[] = [wsAdapter, pusherAdapter, memoryAdapter];
