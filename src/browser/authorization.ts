import type { ChannelAuth, UserAuth } from '../ports/authorization.js';
import type { Backend } from './backend.js';
import type { ConnectError } from './connect-error.js';
import { ownChannelIn } from './history/own-channel.js';
import type { PusherLike } from './pusher-like.js';
import { retried } from './retried.js';

/** How `pusher-js` hands over an answer. */
type Callback<T> = (error: Error | null, answer: T | null) => void;

interface ChannelRequest {
  readonly socketId: string;
  readonly channelName: string;
}

/** The options with which `pusher-js` asks for signatures. */
export interface AuthorizationOptions {
  readonly channelAuthorization: {
    customHandler(request: ChannelRequest, callback: Callback<ChannelAuth>): void;
  };
  readonly userAuthentication: {
    customHandler(request: Pick<ChannelRequest, 'socketId'>, callback: Callback<UserAuth>): void;
  };
}

/** Hears of the live position of a channel that the client is about to subscribe to. */
export type Authorized = (position: string | undefined, channel: string) => void;

/** The signatures for one client. */
export interface Authorization {
  readonly options: AuthorizationOptions;
  /** The latest failure that is being tried again, of the signin or of a channel. */
  readonly failure: ConnectError | undefined;
}

/** The data of `pusher:subscription_error` and `pusher:signin_error`: the fields of `pusher-js`, and the error itself. */
export interface Refusal {
  readonly type: 'AuthError';
  readonly error: string;
  readonly status: number | undefined;
  readonly cause: ConnectError;
}

/**
 * Gets the signatures from the backend. A failure that can pass is tried again for as long as the connection lives, because
 * `pusher-js` itself would not ask again before the next one; after `timeoutMs` its handlers are told nevertheless, once.
 *
 * @param pusher the client; it is made with these options, and so does not exist yet
 * @param authorized hears of the live position of each channel, where the backend tells it, before the client subscribes
 */
export function authorizationBy(
  backend: Backend,
  timeoutMs: number,
  pusher: () => PusherLike,
  authorized: Authorized,
): Authorization {
  let failure: ConnectError | undefined;
  let signin = new AbortController();

  const answer = async <T>(
    attempt: (signal: AbortSignal) => Promise<T>,
    emitter: Parameters<typeof tell>[0] | undefined,
    event: string,
    callback: Callback<T>,
    abort: AbortController,
  ): Promise<void> => {
    const { connection } = pusher();
    // The signature is for this connection only. `pusher-js` calls this also while it tells of the connection itself.
    const end = () => {
      if (connection.state !== 'connected') abort.abort();
    };
    connection.bind('state_change', end);
    const toldFrom = timeoutMs === 0 ? Infinity : Date.now() + timeoutMs;
    let isTold = false;
    try {
      const result = await retried(
        () => attempt(abort.signal),
        0,
        abort.signal,
        (error) => {
          failure = error;
          if (isTold || emitter === undefined || Date.now() < toldFrom) return;
          isTold = true;
          emitter.emit(event, refusalOf(error));
        },
      );
      failure = undefined;
      if (!abort.signal.aborted) callback(null, result);
    } catch (error) {
      if (abort.signal.aborted) return;
      const refuse = () => {
        callback(error as Error, null);
      };
      if (emitter === undefined) refuse();
      else tell(emitter, event, error as ConnectError, refuse);
    } finally {
      connection.unbind('state_change', end);
    }
  };

  return {
    get failure() {
      return failure;
    },
    options: {
      channelAuthorization: {
        customHandler: ({ socketId, channelName }, callback) => {
          const emitter = pusher().channel(channelName);
          const ask = (signal: AbortSignal) => backend.authorizeChannel(socketId, channelName, signal);
          const done: typeof callback = (error, auth) => {
            authorized(auth?.position, channelName);
            callback(error, auth);
          };
          void answer(ask, emitter, 'pusher:subscription_error', done, new AbortController());
        },
      },
      userAuthentication: {
        customHandler: ({ socketId }, callback) => {
          // A signin that is asked for again takes the place of the one before.
          signin.abort();
          signin = new AbortController();
          const ask = (signal: AbortSignal) => backend.authorizeUser(socketId, signal);
          const done: typeof callback = (error, auth) => {
            authorized(auth?.position, ownChannelIn(auth));
            callback(error, auth);
          };
          void answer(ask, pusher().user, 'pusher:signin_error', done, signin);
        },
      },
    },
  };
}

function refusalOf(cause: ConnectError): Refusal {
  return { type: 'AuthError', error: cause.message, status: cause.status, cause };
}

/** Has `pusher-js` tell its handlers of a refusal, of which by itself it hands on no more than the message. */
function tell(
  emitter: PusherLike['user'] | NonNullable<ReturnType<PusherLike['channel']>>,
  event: string,
  error: ConnectError,
  refuse: () => void,
): void {
  let isTold = false as boolean;
  const complete = (told: string, data: unknown) => {
    if (told !== event) return;
    isTold = true;
    Object.assign(data as object, refusalOf(error));
  };
  // Global handlers are called before the application's own.
  emitter.bind_global(complete);
  refuse();
  emitter.unbind_global(complete);
  // Before 8.6 `pusher-js` tells of a refused channel, but not of a refused signin.
  if (!isTold) emitter.emit(event, refusalOf(error));
}
