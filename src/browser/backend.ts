import type { ChannelAuth, UserAuth } from '../ports/authorization.js';
import type { ClientConfig } from '../ports/client-config.js';
import { checkedConfig, type ClientKind } from './client-config.js';
import { ConnectError, type ConnectErrorCode } from './connect-error.js';
import { type HistoryAnswer, historyAnswer } from './history/answer.js';
import type { CheckedOptions } from './options.js';
import { abortReason } from './retried.js';

/** The endpoints of `SocketModule`. Each call is one request; it throws a {@link ConnectError}, or the signal's reason. */
export interface Backend {
  config<Options extends object>(
    kind: ClientKind<Options>,
    signal: AbortSignal,
  ): Promise<ClientConfig<Options>>;
  authorizeChannel(socketId: string, channel: string, signal: AbortSignal): Promise<ChannelAuth>;
  authorizeUser(socketId: string, signal: AbortSignal): Promise<UserAuth>;
  /**
   * Asks for the events of a channel after a position, or for the live position.
   *
   * @param socketIds the ids of the page's connections, separated by commas; events that were left out for them stay left out
   */
  history(channel: string, position: string, socketIds: string, signal: AbortSignal): Promise<HistoryAnswer>;
}

interface Answer {
  readonly url: string;
  readonly status: number;
  readonly type: string;
  readonly retryAfter: string | null;
  readonly body: string;
}

/** The requests to a backend, with the application's headers and cookies. */
export function backendAt({ base, headers, credentials, requestTimeoutMs }: CheckedOptions): Backend {
  const request = async (
    path: string,
    form: Record<string, string> | undefined,
    signal: AbortSignal,
  ): Promise<Answer> => {
    const url = base + path;
    let waitsForHeaders = true as boolean;
    const ask = async (abort: AbortSignal): Promise<Answer> => {
      const given = withoutContentType(typeof headers === 'function' ? await headers() : headers);
      waitsForHeaders = false;
      const response = await fetch(url, {
        method: form === undefined ? 'GET' : 'POST',
        // A form needs no preflight where the page is on another origin.
        headers:
          form === undefined ? given : { ...given, 'Content-Type': 'application/x-www-form-urlencoded' },
        ...(form !== undefined && { body: encoded(form) }),
        ...(credentials !== undefined && { credentials }),
        signal: abort,
      });
      return {
        url,
        status: response.status,
        type: response.headers.get('content-type') ?? 'no content type',
        retryAfter: response.headers.get('retry-after'),
        body: await response.text(),
      };
    };
    try {
      return await within(requestTimeoutMs, signal, ask);
    } catch (cause) {
      if (signal.aborted) throw abortReason(signal);
      const isLate = cause === LATE;
      const failure = { url, retryable: true, cause: isLate ? undefined : cause };
      const late = `in ${seconds(requestTimeoutMs)}`;
      if (waitsForHeaders)
        throw new ConnectError(
          'HEADERS_FAILED',
          isLate ? `headers() did not return ${late}` : `headers() failed: ${messageOf(cause)}`,
          failure,
        );
      throw new ConnectError(
        'BACKEND_UNREACHABLE',
        isLate
          ? `${url} did not answer ${late}`
          : `${url} cannot be reached: ${messageOf(cause)}. Is the backend running there, and does its CORS setting allow ${originOfPage()}?`,
        failure,
      );
    }
  };

  return {
    config: async (kind, signal) => {
      const answer = await request('/config', undefined, signal);
      if (answer.status !== 200)
        throw refusal(answer, 'BACKEND_REFUSED', '', 'Are `url` and `path` those of SocketModule?');
      return checkedConfig(parsed(answer), kind, () => unexpected(answer, 'a socket configuration'));
    },
    authorizeChannel: async (socketId, channel, signal) => {
      const answer = await request('/auth', { socket_id: socketId, channel_name: channel }, signal);
      if (answer.status !== 200)
        throw refusal(
          answer,
          'SUBSCRIPTION_REFUSED',
          `The subscription to "${channel}" was refused: `,
          'An authorizer has to admit the member that identify() finds in the request: see `headers` and `credentials`',
        );
      const auth = parsed(answer);
      if (!isChannelAuth(auth)) throw unexpected(answer, 'a signature');
      return auth;
    },
    authorizeUser: async (socketId, signal) => {
      const answer = await request('/user-auth', { socket_id: socketId }, signal);
      if (answer.status !== 200)
        throw refusal(
          answer,
          'SIGNIN_REFUSED',
          'The signin was refused: ',
          'Did the request carry the member’s token or cookie (`headers`, `credentials`), and is it still valid? A visitor who is nobody yet connects with `guest: true`',
        );
      const auth = parsed(answer);
      if (!isUserAuth(auth)) throw unexpected(answer, 'a signature');
      return auth;
    },
    history: async (channel, position, socketIds, signal) => {
      const form = { channel_name: channel, position, socket_id: socketIds };
      const answer = await request('/history', form, signal);
      if (answer.status !== 200)
        throw refusal(
          answer,
          'SUBSCRIPTION_REFUSED',
          `The missed events of "${channel}" were refused: `,
          'An authorizer has to admit the member that identify() finds in the request, and the channel needs a history',
        );
      const part = historyAnswer(parsed(answer), channel);
      if (part === undefined) throw unexpected(answer, 'a part of a history');
      return part;
    },
  };
}

const LATE = new Error('late');

/** Ends it with {@link LATE} when the time is over, and when the signal is aborted, even if it does not heed its own signal. */
async function within<T>(
  timeoutMs: number,
  signal: AbortSignal,
  run: (abort: AbortSignal) => Promise<T>,
): Promise<T> {
  const abort = new AbortController();
  let end: (error: Error) => void = () => undefined;
  const over = new Promise<never>((_, reject) => (end = reject));
  const stop = () => {
    end(LATE);
    abort.abort();
  };
  const timer = timeoutMs === 0 ? undefined : setTimeout(stop, timeoutMs);
  signal.addEventListener('abort', stop);
  try {
    return await Promise.race([run(abort.signal), over]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
}

/** The error for a status that is not 200: a failure that can pass, or a refusal with this code. */
function refusal(answer: Answer, code: ConnectErrorCode, what: string, remedy: string): ConnectError {
  const { url, status, retryAfter } = answer;
  const reason = reasonOf(answer);
  const said = `${url} answered ${String(status)}${reason === undefined ? '' : `: ${reason}`}`;
  if (status === 408 || status === 425 || status === 429 || status >= 500)
    return new ConnectError('BACKEND_FAILED', said, {
      ...{ url, status, reason, retryable: true },
      retryAfterMs: milliseconds(retryAfter),
    });
  return new ConnectError(code, `${what}${said.replace(/\.$/, '')}. ${remedy}`, { url, status, reason });
}

function unexpected({ url, status, type }: Answer, expected: string): ConnectError {
  const isPage = type.includes('html');
  return new ConnectError(
    'INVALID_ANSWER',
    `${url} did not answer with ${expected}, but with ${isPage ? 'a web page' : type}. ` +
      'Is `url` the backend’s address, and does every proxy before it pass this path on to the backend?',
    { url, status },
  );
}

// The gateway checks the rest of them.
function isChannelAuth(value: unknown): value is ChannelAuth {
  return hasText(value, 'auth');
}

function isUserAuth(value: unknown): value is UserAuth {
  return hasText(value, 'auth') && hasText(value, 'user_data');
}

function hasText(value: unknown, field: string): boolean {
  return typeof value === 'object' && value !== null && typeof Reflect.get(value, field) === 'string';
}

function parsed({ body }: Answer): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return undefined;
  }
}

/** The reason in an error of Nest, which is one text or several. */
function reasonOf(answer: Answer): string | undefined {
  const value = parsed(answer);
  if (typeof value !== 'object' || value === null || !('message' in value)) return undefined;
  const { message } = value;
  const text = Array.isArray(message) ? message.join('. ') : message;
  return typeof text === 'string' && text !== '' ? text.slice(0, 300) : undefined;
}

/** Milliseconds of a `Retry-After`, which is a number of seconds or a date. */
function milliseconds(retryAfter: string | null): number | undefined {
  if (retryAfter === null) return undefined;
  const ms = /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1_000 : Date.parse(retryAfter) - Date.now();
  return ms > 0 ? ms : undefined;
}

function encoded(form: Record<string, string>): string {
  return Object.entries(form)
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join('&');
}

/** Applications often have one object of headers for all their requests. The bodies of these requests are no JSON. */
function withoutContentType(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !/^content-type$/i.test(name)));
}

function originOfPage(): string {
  const { location } = globalThis as { location?: { readonly origin: string } };
  return location === undefined ? 'this client' : `the origin ${location.origin}`;
}

/** The message of an error, and in Node that of the cause, because `fetch` itself says no more than that it failed. */
function messageOf(error: unknown): string {
  const { message, cause } = Object(error) as { message?: unknown; cause?: { message?: unknown } };
  const text = typeof message === 'string' ? message : String(error);
  return typeof cause?.message === 'string' && cause.message !== '' ? `${text} (${cause.message})` : text;
}

/** Like "10 s". */
export function seconds(ms: number): string {
  return `${String(Math.round(ms / 100) / 10)} s`;
}
