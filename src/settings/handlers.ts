import { limit, oneOf, wholeNumber } from './kinds.js';
import { setting } from './setting.js';

/** The settings of handlers of messages, on every provider. */
export const handlerSettings = {
  /** The bounds of the messages that members send to the application. All but the names are checked before any handler runs. */
  handlers: {
    /**
     * Milliseconds that a handler may take. After it the sender is told, and the connection's next message is handled; the handler
     * itself goes on, and counts as running. 0 waits as long as it takes.
     *
     * @see docs/handlers.md#slow-handlers
     * @default 10000
     */
    timeoutMs: setting('SOCKET_HANDLER_TIMEOUT_MS', wholeNumber(0, 3_600_000), {
      default: 10_000,
      unit: 'ms',
    }),
    /**
     * Answers to messages with names that no handler knows: `refuse` answers with an error, `ignore` with nothing.
     *
     * @default refuse
     */
    unknownMessages: setting('SOCKET_UNKNOWN_MESSAGES', oneOf(['refuse', 'ignore']), { default: 'refuse' }),
    /** The limits against strangers. 0 switches each off. */
    limits: {
      /**
       * Bytes of one message to a handler, or of one answer to `askMember`, as the client sends it; 0 switches this and each of
       * the following limits off.
       *
       * @see docs/handlers.md#limits
       * @default 16384
       */
      messageBytes: setting('SOCKET_MAX_HANDLER_MESSAGE_BYTES', limit, { default: 16_384, unit: 'bytes' }),
      /**
       * Messages of one connection to handlers in any second.
       *
       * @default 20
       */
      messagesPerSecond: setting('SOCKET_MAX_HANDLER_MESSAGES_PER_SECOND', limit, { default: 20 }),
      /**
       * Messages of one member to handlers in a second, on all connections to this process together.
       *
       * @default 100
       */
      messagesPerMember: setting('SOCKET_MAX_HANDLER_MESSAGES_PER_MEMBER', limit, { default: 100 }),
      /**
       * Messages of one connection whose handlers are running, or wait for their turn.
       *
       * @default 20
       */
      running: setting('SOCKET_MAX_RUNNING_HANDLERS', limit, { default: 20 }),
    },
  },
};
