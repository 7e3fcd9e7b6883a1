import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import type { Host } from '../../../support/host.js';
import { channelAuth } from '../../../support/signing.js';
import {
  arrive,
  CLOSE,
  closing,
  endOf,
  inbound,
  masked,
  type Message,
  PING,
  PONG,
  publish,
  TEXT,
  Wire,
} from './wire.js';

const MEMBERS = ['ann', 'ann', 'bob', 'cy', 'cy'];
const CHANNELS = ['room', 'private-room', 'presence-room'];

const who = fc.nat(MEMBERS.length - 1);
const which = fc.nat(CHANNELS.length - 1);
/** Nobody, most of the time. */
const except = fc.nat(2 * MEMBERS.length);
const size = fc.constantFrom(0, 0, 0, 0, 100, 2_000, 9_000);
export const modelStep = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('publish'), which, except, size }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('relay'), who, except, size }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('subscribe'), who, which }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('unsubscribe'), who, which }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('speak'), who, which }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('ping'), who }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('disconnect'), who }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('close'), who }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('turn') }) },
);

/** Any step: what its kind does not need is not there. */
export interface Step {
  readonly kind: string;
  readonly who?: number;
  readonly which?: number;
  readonly except?: number;
  readonly size?: number;
}

/** A client, and what it has to hear. */
interface Guest {
  readonly wire: Wire;
  readonly id: string;
  readonly end: Socket;
  readonly member: string;
  /** The channels it is on, in the order in which it joined them. */
  readonly on: Set<string>;
  readonly expected: string[];
  readonly pings: string[];
  /** `closing` from its own close frame to the end of the turn. */
  state: 'open' | 'closing' | 'gone';
}

/** The frames that every client has to hear: the model takes each step at the same time as the real server. */
export class Model {
  readonly #rosters = new Map<string, Set<string>>();
  readonly #connectionsBefore: number;
  #number = 0;

  private constructor(
    private readonly host: Host,
    private readonly guests: readonly Guest[],
    private readonly run: number,
  ) {
    this.#connectionsBefore = host.engines.connections - guests.length;
  }

  static async start(host: Host, sockets: readonly Socket[], run: number): Promise<Model> {
    const guests: Guest[] = [];
    for (const name of MEMBERS) {
      const wire = Wire.open(host);
      const [id, member] = [await wire.greeted(), `${name}-${run}`];
      await wire.signsIn(host, id, member);
      const rest = { on: new Set<string>(), expected: [], pings: [], state: 'open' as const };
      guests.push({ wire, id, end: endOf(sockets, wire), member, ...rest });
    }
    return new Model(host, guests, run);
  }

  async take(step: Step): Promise<void> {
    const guest = step.who === undefined ? undefined : this.guests[step.who];
    const channel = step.which === undefined ? '' : `${CHANNELS[step.which] ?? ''}-${this.run}`;
    const exceptId = step.except === undefined ? undefined : this.guests[step.except]?.id;
    const text = `${this.#number++} ${'x'.repeat(step.size ?? 0)}`;
    const options = exceptId === undefined ? {} : { exceptSocketId: exceptId };
    if (step.kind === 'turn') {
      await this.#turn();
    } else if (step.kind === 'publish') {
      void publish(this.host, channel, text, exceptId);
      this.#tell(channel, `told ${text}`, exceptId);
    } else if (guest === undefined) {
      throw new Error(`Nobody to ${step.kind}`);
    } else if (step.kind === 'relay') {
      void this.host.runtime.client.relayToMember(guest.member, 'told', text, options);
      for (const other of this.guests) {
        if (other.member === guest.member && other.id !== exceptId) this.#hears(other, `told ${text}`);
      }
    } else if (step.kind === 'disconnect') {
      void this.host.runtime.client.disconnectMember(guest.member);
      for (const other of this.guests.filter(({ member }) => member === guest.member)) this.#end(other);
    } else if (guest.state === 'open') {
      this.#says(guest, step.kind, channel, text);
    }
  }

  /** Ends the last turn, and compares. */
  async check(): Promise<void> {
    await this.#turn();
    for (const { wire, expected, pings, state } of this.guests) {
      if (state === 'open') {
        wire.socket.write(inbound('pusher:ping'));
        await wire.until('the pong', () => wire.messages.at(-1)?.event === 'pusher:pong');
        expected.push('pusher:pong');
      } else {
        await wire.ended();
      }
      expect(told(wire)).toEqual(expected);
      expect(wire.of(PONG).map(String)).toEqual(pings);
      wire.socket.destroy();
    }
  }

  #says(guest: Guest, kind: string, channel: string, text: string): void {
    const { app } = this.host;
    const isPresence = channel.startsWith('presence-');
    switch (kind) {
      case 'subscribe': {
        const data = isPresence ? { user_id: guest.member } : undefined;
        const auth = channel.startsWith('room') ? {} : channelAuth(app, guest.id, channel, data);
        arrive(guest.end, inbound('pusher:subscribe', { channel, ...auth }));
        this.#join(guest, channel);
        break;
      }
      case 'unsubscribe':
        arrive(guest.end, inbound('pusher:unsubscribe', { channel }));
        if (guest.on.has(channel)) this.#leave(guest, channel);
        break;
      case 'speak': {
        arrive(guest.end, inbound('client-said', text, channel));
        if (!guest.on.has(channel) || channel.startsWith('room')) this.#hears(guest, 'error null');
        else this.#tell(channel, `client-said ${text}${isPresence ? ` of ${guest.member}` : ''}`, guest.id);
        break;
      }
      case 'ping':
        arrive(guest.end, masked(PING, text));
        guest.pings.push(text);
        break;
      case 'close':
        arrive(guest.end, closing(1000));
        this.#hears(guest, 'closed 1000');
        guest.state = 'closing';
        break;
      default:
        throw new Error(`What is ${kind}?`);
    }
  }

  #join(guest: Guest, channel: string): void {
    if (guest.on.has(channel)) {
      this.#hears(guest, 'error null');
      return;
    }
    if (channel.startsWith('presence-')) {
      const roster = this.#rosters.get(channel) ?? new Set();
      this.#rosters.set(channel, roster);
      if (!roster.has(guest.member)) this.#tell(channel, `added ${guest.member}`);
      roster.add(guest.member);
      this.#hears(guest, `joined ${channel} with ${[...roster].join()}`);
    } else {
      this.#hears(guest, `joined ${channel}`);
    }
    guest.on.add(channel);
  }

  /** Leaves for good, so that everybody is told at once. */
  #leave(guest: Guest, channel: string): void {
    guest.on.delete(channel);
    const isLast = !this.guests.some(({ member, on }) => member === guest.member && on.has(channel));
    if (!channel.startsWith('presence-') || !isLast) return;
    this.#rosters.get(channel)?.delete(guest.member);
    this.#tell(channel, `removed ${guest.member}`);
  }

  #end(guest: Guest): void {
    this.#hears(guest, 'error 4009');
    this.#hears(guest, 'closed 4009');
    if (guest.state === 'gone') return;
    guest.state = 'gone';
    for (const channel of guest.on) this.#leave(guest, channel);
  }

  #tell(channel: string, what: string, exceptId?: string): void {
    for (const guest of this.guests) {
      if (guest.on.has(channel) && guest.id !== exceptId) this.#hears(guest, what);
    }
  }

  #hears({ state, expected }: Guest, what: string): void {
    if (state === 'open') expected.push(what);
  }

  /** A client that closed by itself is gone now, and its member kept on the rosters: it may come back. */
  async #turn(): Promise<void> {
    await nextTurn();
    for (const guest of this.guests) {
      if (guest.state !== 'closing') continue;
      guest.state = 'gone';
      guest.on.clear();
    }
    const open = this.guests.filter(({ state }) => state === 'open').length;
    while (this.host.engines.connections > this.#connectionsBefore + open) await nextTurn();
  }
}

/** The frames that a client has heard since it signed in, in the words of the model. */
function told(wire: Wire): string[] {
  return wire.frames
    .filter(({ opcode }) => opcode === TEXT || opcode === CLOSE)
    .slice(2)
    .map(({ opcode, payload }) => {
      if (opcode === CLOSE) return `closed ${payload.readUInt16BE(0)}`;
      const { event, channel = '', data, user_id: userId } = JSON.parse(payload.toString()) as Message;
      const content: unknown = typeof data === 'string' && event !== 'client-said' ? JSON.parse(data) : data;
      switch (event) {
        case 'pusher:error':
          return `error ${String((content as { code: number | null }).code)}`;
        case 'pusher_internal:subscription_succeeded': {
          const { presence } = content as { presence?: { ids: string[] } };
          return `joined ${channel}${presence === undefined ? '' : ` with ${presence.ids.join()}`}`;
        }
        case 'pusher_internal:member_added':
          return `added ${(content as { user_id: string }).user_id}`;
        case 'pusher_internal:member_removed':
          return `removed ${(content as { user_id: string }).user_id}`;
        case 'client-said':
          return `client-said ${String(content)}${userId === undefined ? '' : ` of ${userId}`}`;
        case 'told':
          return `told ${String(content)}`;
        default:
          return event;
      }
    });
}
