import type { ChannelEvent } from '../../../ports/channel-events.js';
import type { MessageReceiver, MessageSender } from '../../../ports/client-messages.js';
import { CLIENT_EVENT_PREFIX } from '../../../protocol/event-name.js';

/** The connections that limits are remembered of. */
const REMEMBERED_CONNECTIONS = 1_000;

/**
 * The client events that a hosted provider reports, as messages to handlers. The provider has sent them on to the other subscribers
 * already, and carries no answer. The member is known where the channel tells it: on presence channels.
 */
export class HostedMessages {
  readonly #receiver: MessageReceiver;
  readonly #senders = new Map<string, HostedSender>();

  constructor(receiver: MessageReceiver) {
    this.#receiver = receiver;
  }

  /** Has a client event handled, if a handler takes it. */
  take(event: ChannelEvent): void {
    if (event.name !== 'client_event') return;
    const { channel, data, socket_id: socketId, user_id: userId } = event;
    const name = event.event.slice(CLIENT_EVENT_PREFIX.length);
    if (!this.#receiver.takes(name, channel)) return;
    const message = { event: name, channel, payload: payloadOf(data), wantsAnswer: false };
    const bytes = data === undefined ? 0 : Buffer.byteLength(data);
    void this.#receiver.receive(this.#senderOf(socketId, channel, userId), { ...message, bytes });
  }

  #senderOf(socketId: string, channel: string, userId: string | undefined): MessageSender {
    const sender = this.#senders.get(socketId) ?? new HostedSender(socketId);
    // The latest connections are remembered.
    this.#senders.delete(socketId);
    this.#senders.set(socketId, sender);
    const [oldest] = this.#senders.keys();
    if (this.#senders.size > REMEMBERED_CONNECTIONS && oldest !== undefined) this.#senders.delete(oldest);
    if (userId !== undefined) sender.isOn(channel, userId);
    return sender;
  }
}

/** A connection to a hosted provider. */
class HostedSender implements MessageSender {
  readonly #members = new Map<string, string>();

  constructor(readonly id: string) {}

  isOn(channel: string, userId: string): void {
    this.#members.set(channel, userId);
  }

  memberOn(channel: string | undefined): { readonly id: string; readonly info: undefined } | undefined {
    const id = this.#members.get(channel ?? '');
    return id === undefined ? undefined : { id, info: undefined };
  }

  emit(event: string): void {
    // Filters emit this for every error, and there is nobody who waits for it.
    if (event === 'exception') return;
    throw new Error(
      `emit("${event}"): this provider reaches no single connection of a stranger. Relay the event to the member instead`,
    );
  }

  passOn(): void {
    // The provider has done so already.
  }
}

/** Client events carry JSON, or a text that is none. */
function payloadOf(data: string | undefined): unknown {
  if (data === undefined) return undefined;
  try {
    return JSON.parse(data);
  } catch {
    return data;
  }
}
