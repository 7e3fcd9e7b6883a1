import type {
  ClientMessage,
  MessageAnswer,
  MessageError,
  MessageSender,
} from '../../../ports/client-messages.js';
import type { Expiring } from './deadlines.js';
import { emittedError, refusalOf } from './handler-error.js';
import type { HandlerOutcome } from './handler-metrics.js';
import type { FoundHandler, Handler } from './handler-registry.js';
import { type HandlerCall, MemberSocket } from './member-socket.js';

const FAILED: MessageError = { code: 'FAILED', message: 'The message could not be handled' };

/** Told of a {@link HandlerRun}. */
export interface RunEvents {
  /** Its answer is known, once: it ended, or its time is over. */
  readonly settled: (run: HandlerRun, outcome: HandlerOutcome, cause?: unknown) => void;
  /** The handler itself has ended, once. It may have been settled long before. */
  readonly ended: (run: HandlerRun) => void;
}

/** One message, and the call of its handler. */
export class HandlerRun implements Expiring, HandlerCall {
  readonly handler: Handler;
  readonly socket: MemberSocket;
  /** Resolves once, also when the handler goes on after its time. */
  readonly answer: Promise<MessageAnswer>;
  /** When the handler was called, in milliseconds of `Clock.now()`. */
  startedAt = 0;
  readonly #message: ClientMessage;
  readonly #events: RunEvents;
  #resolve: (answer: MessageAnswer) => void = () => undefined;
  #isSettled = false;
  #isExpired = false;
  /** Made when the handler asks for its signal. */
  #abort: AbortController | undefined;
  /** The error that a filter has emitted as `exception`. */
  #emitted: MessageError | undefined;

  constructor(
    { handler, params }: FoundHandler,
    sender: MessageSender,
    message: ClientMessage,
    events: RunEvents,
  ) {
    this.handler = handler;
    this.#message = message;
    this.#events = events;
    this.socket = new MemberSocket(sender, message, params, this);
    this.answer = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** Calls the handler. Never throws. */
  start(now: number): void {
    this.startedAt = now;
    const { handler, socket } = this;
    const { payload, wantsAnswer } = this.#message;
    const hasAck = handler.hasAck && wantsAnswer;
    handler.invoke(socket, payload, hasAck ? this.#ack : undefined).then(
      (value) => {
        // Without a call of its ack it may still answer later.
        if (this.#emitted !== undefined) this.#settle('refused', { error: this.#emitted });
        else if (!hasAck) this.#settle('handled', { value });
        this.#events.ended(this);
      },
      (exception: unknown) => {
        this.#fail(exception);
        this.#events.ended(this);
      },
    );
  }

  expire(): void {
    if (this.#isSettled) return;
    this.#isExpired = true;
    this.#abort?.abort();
    const message = 'The handler did not answer in time';
    this.#settle('timed_out', { error: { code: 'TIMED_OUT', message } });
  }

  readonly #ack = (value?: unknown): void => {
    this.#settle('handled', { value });
  };

  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#isExpired) this.#abort.abort();
    return this.#abort.signal;
  }

  takesException(payload: unknown): boolean {
    if (!this.#message.wantsAnswer || this.#isSettled) return false;
    this.#emitted = emittedError(payload);
    return true;
  }

  #fail(exception: unknown): void {
    const error = this.#emitted ?? refusalOf(exception);
    if (error === undefined) this.#settle('failed', { error: FAILED }, exception);
    else this.#settle('refused', { error }, exception);
  }

  #settle(outcome: HandlerOutcome, answer: MessageAnswer, cause?: unknown): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#resolve(answer);
    this.#events.settled(this, outcome, cause);
  }
}
