import type { Emitter, PusherLike } from './pusher-like.js';

/** The connection states after which the connection does not get ready any more. */
const HOPELESS = new Set(['disconnected', 'failed', 'unavailable']);

/**
 * Waits for the signin and the subscription. Disconnects when either fails.
 *
 * @throws Error with a readable message when the connection, the signin or the subscription fails
 */
export async function whenReady(pusher: PusherLike, channel: Emitter, channelName: string): Promise<void> {
  const undo: (() => void)[] = [];
  const on = (emitter: Emitter, event: string, handler: (data: never) => void) => {
    emitter.bind(event, handler);
    undo.push(() => {
      emitter.unbind(event, handler);
    });
  };
  try {
    await new Promise<void>((resolve, reject) => {
      const fail = (failure: string, detail: unknown) => {
        reject(new Error(`${failure}: ${text(detail)}`, { cause: detail }));
      };
      let lastError: unknown = 'the server cannot be reached';
      let [signedIn, subscribed] = [false, false];
      const check = () => {
        if (signedIn && subscribed) resolve();
      };
      on(pusher.connection, 'message', ({ event }: { event: string }) => {
        if (event === 'pusher:signin_success') signedIn = true;
        check();
      });
      on(channel, 'pusher:subscription_succeeded', () => {
        subscribed = true;
        check();
      });
      on(channel, 'pusher:subscription_error', (error: unknown) => {
        fail(`No subscription to "${channelName}"`, error);
      });
      on(pusher.user, 'pusher:signin_error', (error: unknown) => {
        fail('The signin was refused', error);
      });
      on(pusher.connection, 'error', (error: unknown) => {
        lastError = error;
        // Once connected, an error answers the signin or the subscription: nothing else was sent.
        if (pusher.connection.state === 'connected' && !isAboutOneEvent(error))
          fail('The server refused', error);
      });
      on(pusher.connection, 'state_change', ({ current }: { current: string }) => {
        if (HOPELESS.has(current)) fail('No connection', lastError);
      });
    });
  } catch (error) {
    pusher.disconnect();
    throw error;
  } finally {
    for (const unbind of undo) unbind();
  }
}

/** Errors 4300 to 4399 are about one event. For example, a signin succeeds although its watchlist was too long. */
function isAboutOneEvent(error: unknown): boolean {
  const { data } = Object(error) as { data?: { code?: unknown } };
  return typeof data?.code === 'number' && data.code >= 4300 && data.code < 4400;
}

/** Finds the message in the several forms that the errors of `pusher-js` have. */
function text(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error);
  for (const field of ['message', 'error', 'data']) {
    const inner: unknown = Reflect.get(error, field);
    if (inner !== undefined && inner !== null && inner !== '') return text(inner);
  }
  return JSON.stringify(error);
}
