import type { Provider } from '../ports/socket-config.js';
import type { SocketAdapter } from './adapter.js';
import { missingPackage } from '../ports/missing-package.js';

/** What only one provider needs, and therefore nobody has to install for the others. */
const OPTIONAL_PACKAGES: Readonly<Record<Provider, readonly string[]>> = {
  ws: ['ws'],
  pusher: ['pusher'],
  memory: [],
};

/**
 * Loads one adapter, and nothing of the others.
 *
 * @throws MissingPackageError when a package that the adapter needs is not installed
 */
export async function loadAdapter(provider: Provider): Promise<SocketAdapter> {
  try {
    switch (provider) {
      case 'ws':
        return (await import('./ws/ws.adapter.js')).wsAdapter;
      case 'pusher':
        return (await import('./pusher/pusher.adapter.js')).pusherAdapter;
      case 'memory':
        return (await import('./memory/memory.adapter.js')).memoryAdapter;
    }
  } catch (cause) {
    throw missingPackage(provider, OPTIONAL_PACKAGES[provider], cause);
  }
}
