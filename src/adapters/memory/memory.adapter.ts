import type { SocketAdapter } from '../adapter.js';

/** The fake provider, for tests. It needs no network port and no package. */
export const memoryAdapter: SocketAdapter = {
  name: 'memory',
  capabilities: { isFake: true, signsInAsPusher: true, hasEncryptedChannels: true, carriesAnswers: true },
  create: async (context) => (await import('./memory.module.js')).createMemory(context),
  clientOptions: () => ({ cluster: 'memory', forceTLS: false, enabledTransports: ['ws', 'wss'] }),
};
