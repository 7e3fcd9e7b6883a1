import { seconds } from './backend.js';
import { ConnectError, type ConnectErrorCode } from './connect-error.js';
import type { Emitter, PusherLike } from './pusher-like.js';
import { abortReason } from './retried.js';

/** The things to wait for, and for how long. */
export interface Wanted {
  readonly signsIn: boolean;
  /** The channel that has to be subscribed to. @default undefined */
  readonly channel?: Emitter;
  /** Milliseconds until the time is over; 0 waits for ever. */
  readonly remainingMs: number;
  /** The option, for messages. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  /** The address of the gateway, for messages. */
  readonly gatewayUrl: () => string;
  /** A failure that is being tried again, and so is the reason when the time is over. */
  readonly failure: () => ConnectError | undefined;
}

/**
 * Waits for the signin and the subscription.
 *
 * @throws ConnectError when one of them is refused, when the connection is, and when the time is over; the signal's reason
 */
export async function whenReady(pusher: PusherLike, wanted: Wanted): Promise<void> {
  const { signsIn, channel, remainingMs, timeoutMs, signal, gatewayUrl, failure } = wanted;
  const { connection, user } = pusher;
  const undo: (() => void)[] = [];
  const on = (emitter: Emitter, event: string, handler: (data: never) => void) => {
    emitter.bind(event, handler);
    undo.push(() => {
      emitter.unbind(event, handler);
    });
  };
  try {
    await new Promise<void>((resolve, reject) => {
      let lastError: unknown;
      let isSignedIn = !signsIn;
      let isSubscribed = channel === undefined;
      const check = () => {
        if (isSignedIn && isSubscribed) resolve();
      };
      const fail = (code: ConnectErrorCode, what: string, detail?: unknown, retryable = false) => {
        if (signal?.aborted === true) reject(abortReason(signal));
        const reason = textOf(detail);
        const message = reason === undefined ? what : `${what}: ${reason}`;
        reject(new ConnectError(code, message, { retryable, url: gatewayUrl(), reason, cause: detail }));
      };
      /** A refusal by the backend, which the helper has made an error of; or by the gateway. */
      const refused = (code: ConnectErrorCode, what: string) => (detail: { cause?: unknown }) => {
        if (detail.cause instanceof ConnectError) reject(detail.cause);
        else fail(code, `${gatewayUrl()} refused ${what}`, detail);
      };
      on(connection, 'message', ({ event }: { event: string }) => {
        if (event === 'pusher:signin_success') isSignedIn = true;
        check();
      });
      on(user, 'pusher:signin_error', refused('SIGNIN_REFUSED', 'the signin'));
      if (channel !== undefined) {
        on(channel, 'pusher:subscription_succeeded', () => {
          isSubscribed = true;
          check();
        });
        const refusal = refused('SUBSCRIPTION_REFUSED', 'the broadcast channel');
        on(channel, 'pusher:subscription_error', refusal);
      }
      on(connection, 'error', (error: unknown) => {
        lastError = error;
        // Once connected, an error answers the signin or the subscription: nothing else was sent.
        if (connection.state === 'connected' && !isAboutOneEvent(error))
          fail('GATEWAY_REFUSED', `${gatewayUrl()} refused the signin or the subscription`, error);
      });
      on(connection, 'state_change', ({ current }: { current: string }) => {
        if (current === 'disconnected')
          fail('GATEWAY_REFUSED', `${gatewayUrl()} refused the connection`, lastError);
        if (current === 'failed')
          fail('GATEWAY_UNREACHABLE', 'pusher-js cannot open a WebSocket here; it needs one');
        // The next connection signs in and subscribes anew.
        if (current !== 'connected') {
          isSignedIn = !signsIn;
          isSubscribed = channel === undefined;
        }
      });
      if (signal !== undefined) {
        const over = () => {
          reject(abortReason(signal));
        };
        signal.addEventListener('abort', over);
        undo.push(() => {
          signal.removeEventListener('abort', over);
        });
      }
      if (remainingMs === 0) return;
      const timer = setTimeout(() => {
        const known = failure();
        const time = seconds(timeoutMs);
        if (known !== undefined) reject(known);
        else if (connection.state === 'connected')
          fail('GATEWAY_UNREACHABLE', `${gatewayUrl()} did not answer in ${time}`, undefined, true);
        else
          fail(
            'GATEWAY_UNREACHABLE',
            `${gatewayUrl()} cannot be reached, or let nobody in for ${time}. Does every proxy before it pass WebSockets on?`,
            lastError,
            true,
          );
      }, remainingMs);
      undo.push(() => {
        clearTimeout(timer);
      });
    });
  } finally {
    for (const unbind of undo) unbind();
  }
}

/** Errors 4300 to 4399 are about one event. For example, a signin succeeds although its watchlist was too long. */
function isAboutOneEvent(error: unknown): boolean {
  const { data } = Object(error) as { data?: { code?: unknown } };
  return typeof data?.code === 'number' && data.code >= 4300 && data.code < 4400;
}

/** Finds the message in the several forms that the errors of `pusher-js` have, with its code; none in an event of the browser. */
function textOf(error: unknown): string | undefined {
  if (typeof error === 'string') return error === '' ? undefined : error;
  if (typeof error !== 'object' || error === null) return undefined;
  const { code } = error as { code?: unknown };
  for (const field of ['message', 'error', 'data']) {
    const text = textOf(Reflect.get(error, field));
    if (text !== undefined) return typeof code === 'number' ? `${text} (${String(code)})` : text;
  }
  return typeof code === 'number' ? `code ${String(code)}` : undefined;
}
