import { RateLimit } from '../../../channels/rate-limit.js';
import type {
  ClientMessage,
  MessageAnswer,
  MessageError,
  MessageReceiver,
  MessageSender,
} from '../../../ports/client-messages.js';
import type { Clock } from '../../../ports/clock.js';
import { messageOf } from '../../../ports/errors.js';
import { shown, type SocketLogger } from '../../../ports/logger.js';
import type { HandlerConfig } from '../../../ports/socket-config.js';
import { Deadlines } from './deadlines.js';
import type { HandlerMetrics, HandlerOutcome, RefusalReason } from './handler-metrics.js';
import type { FoundHandler, HandlerRegistry } from './handler-registry.js';
import { HandlerRun, type RunEvents } from './handler-run.js';
import { MemberRate } from './member-rate.js';

/** A refusal before any handler runs. */
type Refusal = MessageError & { readonly code: RefusalReason };

/** The messages of one connection. */
class ConnectionMessages {
  readonly rate = new RateLimit();
  /** Messages whose handlers run, or wait for their turn. */
  running = 0;
  /** The message whose turn it is. */
  current: HandlerRun | undefined;
  readonly waiting: HandlerRun[] = [];
}

/** The parts of a {@link MessageGate}. */
export interface MessageGateParts {
  readonly handlers: HandlerRegistry;
  readonly config: HandlerConfig;
  readonly clock: Clock;
  readonly logger: SocketLogger;
  /** The name of the provider that the messages come from. */
  readonly provider: string;
  readonly metrics: HandlerMetrics | undefined;
}

/**
 * Every message to a handler passes here: it is refused, or its handler is called, after the handlers of the connection's earlier
 * messages. A handler that fails or takes too long delays nobody but its own connection, and that one until its time is over.
 */
export class MessageGate implements MessageReceiver {
  readonly #parts: MessageGateParts;
  readonly #deadlines: Deadlines;
  readonly #memberRate: MemberRate;
  readonly #connections = new WeakMap<MessageSender, ConnectionMessages>();

  constructor(parts: MessageGateParts) {
    const { clock, config } = parts;
    this.#parts = parts;
    this.#deadlines = new Deadlines(clock, config.timeoutMs);
    this.#memberRate = new MemberRate(clock, config.limits.messagesPerMember);
  }

  takes(event: string, channel: string | undefined): boolean {
    return this.#parts.handlers.find(event, channel) !== undefined;
  }

  receive(sender: MessageSender, message: ClientMessage): Promise<MessageAnswer | undefined> {
    const connection = this.#connectionOf(sender);
    const found = this.#admit(connection, sender, message);
    if ('code' in found) return Promise.resolve(this.#refused(found));
    connection.running++;
    const run = new HandlerRun(found, sender, message, this.#eventsOf(connection));
    if (run.handler.inOrder && connection.current !== undefined) connection.waiting.push(run);
    else this.#start(connection, run);
    return run.answer;
  }

  /** Releases the timer. */
  close(): void {
    this.#deadlines.close();
  }

  /** The cheap checks first: a flood should cost little. */
  #admit(
    connection: ConnectionMessages,
    sender: MessageSender,
    { event, channel, bytes }: ClientMessage,
  ): FoundHandler | Refusal {
    const { handlers, config, clock } = this.#parts;
    const { messageBytes, messagesPerSecond, messagesPerMember, running } = config.limits;
    if (!connection.rate.allows(messagesPerSecond, clock.now()))
      return { code: 'TOO_MANY', message: `More than ${messagesPerSecond} messages in a second` };
    if (messageBytes !== 0 && bytes > messageBytes)
      return { code: 'TOO_LARGE', message: `The message has ${bytes} bytes, ${messageBytes} are allowed` };
    const found = handlers.find(event, channel);
    if (found === undefined) return this.#notTaken(event);
    const member = sender.memberOn(channel);
    if (member === undefined && !found.handler.allowAnonymous)
      return { code: 'NOT_SIGNED_IN', message: 'Only members may send this: sign in first' };
    if (member !== undefined && !this.#memberRate.allows(member.id))
      return {
        code: 'TOO_MANY',
        message: `More than ${messagesPerMember} messages of one member in a second`,
      };
    if (running !== 0 && connection.running >= running) {
      const message = `${running} messages of this connection are being handled: wait for their answers`;
      return { code: 'TOO_MANY_RUNNING', message };
    }
    return found;
  }

  #notTaken(event: string): Refusal {
    const { handlers } = this.#parts;
    if (!handlers.knows(event)) return { code: 'UNKNOWN_EVENT', message: `No handler takes ${shown(event)}` };
    const channels = handlers.channelsOf(event);
    return { code: 'NOT_ON_CHANNEL', message: `${shown(event)} is taken on the channels ${channels} only` };
  }

  #refused(error: Refusal): MessageAnswer | undefined {
    const { metrics, provider, config } = this.#parts;
    metrics?.messageRefused(provider, error.code);
    return error.code === 'UNKNOWN_EVENT' && config.unknownMessages === 'ignore' ? undefined : { error };
  }

  #connectionOf(sender: MessageSender): ConnectionMessages {
    const known = this.#connections.get(sender);
    if (known !== undefined) return known;
    const connection = new ConnectionMessages();
    this.#connections.set(sender, connection);
    return connection;
  }

  #start(connection: ConnectionMessages, run: HandlerRun): void {
    if (run.handler.inOrder) connection.current = run;
    const now = this.#parts.clock.now();
    this.#deadlines.add(run, now);
    run.start(now);
  }

  #eventsOf(connection: ConnectionMessages): RunEvents {
    return {
      settled: (run, outcome, cause) => {
        this.#settled(run, outcome, cause);
        if (outcome === 'timed_out') this.#next(connection, run);
      },
      ended: (run) => {
        connection.running--;
        this.#next(connection, run);
      },
    };
  }

  /** Begins with the next message, if it was this one's turn. */
  #next(connection: ConnectionMessages, run: HandlerRun): void {
    if (connection.current !== run) return;
    connection.current = undefined;
    const next = connection.waiting.shift();
    if (next !== undefined) this.#start(connection, next);
  }

  #settled(run: HandlerRun, outcome: HandlerOutcome, cause: unknown): void {
    const { clock, metrics, provider } = this.#parts;
    this.#deadlines.delete(run);
    const milliseconds = clock.now() - run.startedAt;
    metrics?.handled(provider, outcome, milliseconds);
    this.#log(run, outcome, milliseconds, cause);
  }

  /** Builds no line of the level `debug` while that is off. */
  #log({ handler, socket }: HandlerRun, outcome: HandlerOutcome, milliseconds: number, cause: unknown): void {
    const { logger, provider } = this.#parts;
    const isDetail = outcome === 'handled' || outcome === 'refused';
    if (isDetail && (logger.debug === undefined || logger.isDebugEnabled !== true)) return;
    const id = socket.messageId;
    const fields = {
      id,
      event: handler.event,
      ...(!socket.isAnonymous && { member: socket.member.id }),
      provider,
      outcome,
      milliseconds: Math.round(milliseconds),
    };
    const message = `Message ${id} (${handler.event})`;
    if (outcome === 'failed') {
      const stack = cause instanceof Error && cause.stack !== undefined ? { stack: cause.stack } : {};
      logger.error(`${message} failed in ${handler.place}: ${messageOf(cause)}`, { ...fields, ...stack });
    } else if (outcome === 'timed_out')
      logger.warn(`${message} was not handled in time by ${handler.place}, which goes on`, fields);
    else
      logger.debug?.(
        `${message} was ${outcome}${cause === undefined ? '' : `: ${messageOf(cause)}`}`,
        fields,
      );
  }
}
