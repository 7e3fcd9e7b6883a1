import type { ClientConfig } from '../ports/client-config.js';
import type { PusherOptions } from './client-config.js';
import type { PusherLike } from './pusher-like.js';
import { pauseMs } from './retried.js';

/** The part of `pusher-js`, from 8.5 on, that moves a client to another provider with all its channels and handlers. */
interface Movable extends PusherLike {
  options: object;
  /** Reads {@link options} again, and connects with them. */
  switchCluster(options: { readonly appKey: string; readonly cluster: string }): void;
}

/**
 * Asks the backend again which provider is in force, about every `recheckMs` and when the connection has been lost for a while,
 * and moves the client there. Does nothing with one provider, or with `pusher-js` before 8.5.
 *
 * @param ask must not go on for ever: nothing else is asked meanwhile
 * @returns a function that returns the configuration that the client is connected with
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
  let failures = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = () => {
    clearTimeout(timer);
    timer = undefined;
  };
  const isOver = () => pusher.connection.state === 'disconnected';
  const wait = () => {
    stop();
    if (isOver()) return;
    // Between 75 % and 125 % of it, at random, so that many pages do not ask at the same moment. Without a connection and
    // without an answer nobody is served, so the backend is asked again soon.
    const regularMs = recheckMs * (0.75 + Math.random() / 2);
    const isLost = failures > 0 && pusher.connection.state !== 'connected';
    timer = setTimeout(() => void check(), isLost ? Math.min(pauseMs(failures), regularMs) : regularMs);
  };
  const check = async () => {
    if (isAsking) return;
    isAsking = true;
    const next = await ask().catch(() => undefined);
    isAsking = false;
    failures = next === undefined ? failures + 1 : 0;
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

/** `switchCluster` reads a client's options again, but not whether it uses TLS, so that is set here. */
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
