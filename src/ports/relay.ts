import type { Payload } from './payload.js';
import type { ISocketClient, RelayOptions } from './socket-client.js';

/** One call of `SocketService`, checked and with its payload read: what is asked of the port, now or again. */
export interface Relay {
  /** The message id. */
  readonly id: string;
  readonly kind: 'member' | 'members' | 'channel' | 'broadcast' | 'disconnect';
  /** Member ids, or the one channel; each at most once, except on their way to a provider that is asked once. */
  readonly to: readonly string[];
  /** The event's name; for a disconnect there is none. */
  readonly event?: string;
  readonly payload?: Payload;
  readonly options?: RelayOptions | undefined;
  /** Milliseconds from the call until it is sent for the first time. */
  readonly delayMs?: number;
}

/** What keeps the order of the calls: all orders to one member, or to one channel, are one line. */
export function recipientKey({ kind }: Pick<Relay, 'kind'>, to: string): string {
  return `${kind === 'channel' || kind === 'broadcast' ? 'channel' : 'member'} ${to}`;
}

/** Makes the call of the port that an order stands for. */
export function perform(client: ISocketClient, order: Relay): Promise<void> {
  const { kind, to, event = '', payload, options } = order;
  const [first = ''] = to;
  switch (kind) {
    case 'member':
      return client.relayToMember(first, event, payload, options);
    case 'members':
      return client.relayToMembers(to, event, payload, options);
    case 'channel':
      return client.relayToChannel(first, event, payload, options);
    case 'broadcast':
      return client.broadcast(event, payload, options);
    case 'disconnect':
      return client.disconnectMember(first);
  }
}

/** An order as a log or an error names it. */
export function describeRelay({ event }: Relay): string {
  return event === undefined ? 'a disconnect' : `"${event}"`;
}
