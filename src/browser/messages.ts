import { MessageError, type SendErrorCode } from './message-error.js';
import type { PusherLike } from './pusher-like.js';

/** The options of `socket.send`. */
export interface SendOptions {
  /** The channel to send on, which the page has subscribed to. @default undefined, the connection itself */
  readonly channel?: string;
}

/** The options of `socket.ask`. */
export interface AskOptions extends SendOptions {
  /** Milliseconds to wait for the answer. 0 waits for as long as the connection lasts. @default 10_000 */
  readonly timeoutMs?: number;
}

/** Makes the answer to an event that the backend asks. */
export type AnswerMaker = (payload: never) => unknown;

interface PendingAsk {
  readonly resolve: (payload: unknown) => void;
  readonly reject: (error: MessageError) => void;
}

// As in `protocol/message-frames.ts`, of which the helper may import types only.
const SEND = 'switchboard:send';
const ASK = 'switchboard:ask';
const ANSWER = 'switchboard:answer';
const CLIENT_EVENT_PREFIX = 'client-';

const DEFAULT_TIMEOUT_MS = 10_000;

/** The messages of one client to the backend's handlers, and its answers. */
export class Messages {
  readonly #pusher: PusherLike;
  readonly #provider: () => { readonly provider: string; readonly carriesAnswers?: true };
  readonly #pending = new Map<string, PendingAsk>();
  readonly #answers = new Map<string, AnswerMaker>();
  #asked = 0;

  /** @param provider the provider of the connection now */
  constructor(
    pusher: PusherLike,
    provider: () => { readonly provider: string; readonly carriesAnswers?: true },
  ) {
    this.#pusher = pusher;
    this.#provider = provider;
    pusher.connection.bind('message', ({ event, data }: { event: string; data: unknown }) => {
      if (event === ANSWER) this.#answered(data);
      else if (event === ASK) void this.#answer(data);
    });
    pusher.connection.bind('state_change', ({ current }: { current: string }) => {
      if (current !== 'connected') this.#lost();
    });
  }

  /** @throws MessageError when it cannot be sent */
  send(event: string, payload: unknown, { channel }: SendOptions): void {
    this.#checkConnected(event);
    if (this.#provider().carriesAnswers === true) this.#pusher.send_event(SEND, { event, channel, payload });
    else if (channel !== undefined) this.#pusher.send_event(CLIENT_EVENT_PREFIX + event, payload, channel);
    else {
      const { provider } = this.#provider();
      const what = `The provider "${provider}" carries messages on channels only`;
      throw new MessageError('UNSUPPORTED_PROVIDER', `${what}: send("${event}", payload, { channel })`);
    }
  }

  /** @throws MessageError when it is not answered */
  async ask(
    event: string,
    payload: unknown,
    { channel, timeoutMs = DEFAULT_TIMEOUT_MS }: AskOptions,
  ): Promise<unknown> {
    if (this.#provider().carriesAnswers !== true) {
      const what = `The provider "${this.#provider().provider}" carries no answers`;
      throw new MessageError('UNSUPPORTED_PROVIDER', `${what}: ask the backend with a request instead`);
    }
    if (!(timeoutMs >= 0 && timeoutMs <= 2_147_483_647))
      throw new MessageError(
        'INVALID_OPTION',
        `timeoutMs: ${String(timeoutMs)} is not allowed. It must be a number of milliseconds from 0 to 2147483647`,
      );
    this.#checkConnected(event);
    const id = String(++this.#asked);
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      return await new Promise((resolve, reject) => {
        this.#pending.set(id, { resolve, reject });
        if (timeoutMs > 0)
          timer = setTimeout(() => {
            reject(new MessageError('NO_ANSWER', `"${event}" was not answered in ${timeoutMs} ms`));
          }, timeoutMs);
        this.#pusher.send_event(ASK, { id, event, channel, payload });
      });
    } finally {
      clearTimeout(timer);
      this.#pending.delete(id);
    }
  }

  /** @returns a function that takes the answer away */
  answer(event: string, make: AnswerMaker): () => void {
    if (typeof make !== 'function')
      throw new MessageError('INVALID_OPTION', `answer("${event}", make): make must be a function`);
    this.#answers.set(event, make);
    return () => {
      if (this.#answers.get(event) === make) this.#answers.delete(event);
    };
  }

  #checkConnected(event: unknown): void {
    if (typeof event !== 'string' || event === '')
      throw new MessageError('INVALID_OPTION', 'The event must be a text that is not empty');
    const { state } = this.#pusher.connection;
    if (state === 'connected') return;
    throw new MessageError('NOT_CONNECTED', `"${event}" was not sent: the connection is ${state}`);
  }

  #answered(data: unknown): void {
    const { id, payload, error } = Object(data) as { id?: unknown; payload?: unknown; error?: unknown };
    const pending = typeof id === 'string' ? this.#pending.get(id) : undefined;
    if (error === undefined) pending?.resolve(payload);
    else {
      // The backend has made it.
      const { code, message, details } = error as { code: SendErrorCode; message: string; details?: unknown };
      pending?.reject(new MessageError(code, message, details));
    }
  }

  async #answer(data: unknown): Promise<void> {
    const { id, event, payload } = Object(data) as { id?: unknown; event?: unknown; payload?: never };
    const make = typeof event === 'string' ? this.#answers.get(event) : undefined;
    let answer: object;
    try {
      if (make === undefined) throw new Error(`This page has no answer to "${String(event)}"`);
      answer = { payload: await make(payload as never) };
    } catch (error) {
      answer = { error: { message: error instanceof Error ? error.message : String(error) } };
    }
    this.#pusher.send_event(ANSWER, { id, ...answer });
  }

  #lost(): void {
    for (const { reject } of this.#pending.values())
      reject(
        new MessageError(
          'NOT_CONNECTED',
          'The connection was lost before the answer. The message may be handled',
        ),
      );
  }
}
