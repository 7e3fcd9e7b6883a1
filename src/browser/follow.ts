import type { ClientConfig } from '../ports/client-config.js';
import type { PusherOptions } from './client-config.js';
import type { PusherLike } from './pusher-like.js';

/** The part of `pusher-js` that takes a client elsewhere with all its channels and handlers, from 8.5 on. */
interface Movable extends PusherLike {
  options: object;
  readonly connection: PusherLike['connection'] & { usingTLS: boolean };
  /** Reads {@link options} again, and connects by them. */
  switchCluster(options: { readonly appKey: string; readonly cluster: string }): void;
}

/**
 * Asks the backend again which provider is in force, every so often and whenever the connection has been lost for a while,
 * and has the client connect there. With one provider, and before `pusher-js` 8.5, nothing of this happens.
 *
 * @returns what says where the client connects to
 */
export function follow(
  pusher: PusherLike,
  config: ClientConfig<PusherOptions>,
  ask: () => Promise<ClientConfig<PusherOptions>>,
  optionsOf: (config: ClientConfig<PusherOptions>) => object,
): () => ClientConfig<PusherOptions> {
  const { recheckMs } = config;
  if (recheckMs === undefined || !isMovable(pusher)) return () => config;

  let current = config;
  let isAsking = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = () => {
    clearTimeout(timer);
    timer = undefined;
  };
  const isOver = () => pusher.connection.state === 'disconnected';
  // Half of it by chance, so that many pages do not ask as one.
  const wait = () => {
    stop();
    if (!isOver()) timer = setTimeout(() => void check(), recheckMs * (0.75 + Math.random() / 2));
  };
  const check = async () => {
    if (isAsking) return;
    isAsking = true;
    // A backend that cannot be asked now is asked later.
    const next = await ask().catch(() => undefined);
    isAsking = false;
    if (next !== undefined && next.provider !== current.provider && !isOver()) {
      current = next;
      move(pusher, next.key, optionsOf(next));
    }
    wait();
  };
  pusher.connection.bind('state_change', ({ current: state }: { current: string }) => {
    if (state === 'disconnected') stop();
    else if (state === 'unavailable') void check();
    else if (timer === undefined) wait();
  });
  wait();
  return () => current;
}

function isMovable(pusher: PusherLike): pusher is Movable {
  return 'switchCluster' in pusher && typeof pusher.switchCluster === 'function';
}

/** A client's encryption is settled when it is made, and its address whenever it is led to another cluster. */
function move(
  pusher: Movable,
  appKey: string,
  options: { readonly cluster?: string; readonly forceTLS?: boolean },
): void {
  const { location } = globalThis as { location?: { readonly protocol: string } };
  pusher.connection.usingTLS = location?.protocol === 'https:' || options.forceTLS !== false;
  pusher.options = options;
  pusher.switchCluster({ appKey, cluster: options.cluster ?? '' });
}
