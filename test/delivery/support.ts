import { setImmediate as nextTurn } from 'node:timers/promises';
import { ManualClock } from '../../src/adapters/memory/manual-clock.js';
import { RetryingDelivery } from '../../src/delivery/retry/retrying-delivery.js';
import {
  type DeliveryFailure,
  type SocketDeliveryError,
  SocketRejectedError,
  SocketUnavailableError,
} from '../../src/ports/errors.js';
import { Payload } from '../../src/ports/payload.js';
import type { Relay } from '../../src/ports/relay.js';
import type { RelaySender } from '../../src/ports/relay-client.js';
import type { DeliveryConfig } from '../../src/ports/socket-config.js';
import type { DeliveryListener } from '../../src/relays/relay-delivery.js';

/** How a provider treats a call: it takes it, or fails. */
export type Fate = (to: readonly string[]) => SocketDeliveryError | undefined;

export const down: Fate = (to) => unavailable(to);

export function unavailable(
  lost: readonly string[],
  more: Partial<DeliveryFailure> = {},
): SocketDeliveryError {
  return new SocketUnavailableError('no answer', { provider: 'pusher', lost, ...more });
}

export function rejected(lost: readonly string[], more: Partial<DeliveryFailure> = {}): SocketDeliveryError {
  return new SocketRejectedError('refused', { provider: 'pusher', lost, ...more });
}

/** A provider that answers each call a turn later, as its fate says at the time of the call. */
export class Provider implements RelaySender {
  /** Every call, like `A ada,alan`. */
  readonly calls: string[] = [];
  fate: Fate = () => undefined;
  /** The promise that calls wait for. */
  gate: Promise<unknown> | undefined;
  /** The most calls that were under way at a time. */
  mostUnderWay = 0;
  #underWay = 0;

  send = (relay: Relay) => this.#take(relay.event ?? '-', relay.recipients);

  async #take(event: string, to: readonly string[]): Promise<void> {
    this.calls.push(`${event} ${to.join()}`);
    const failure = this.fate(to);
    this.mostUnderWay = Math.max(this.mostUnderWay, ++this.#underWay);
    await (this.gate ?? nextTurn());
    this.#underWay--;
    if (failure !== undefined) throw failure;
  }
}

export const LIMITS: DeliveryConfig = {
  mode: 'direct',
  retryDeadlineMs: 30_000,
  waitingRelays: 100,
  waitingBytes: 10_000,
  breakerFailures: 0,
  queueConcurrency: 1,
  deadLetters: 0,
};

/** Longer than any delay between two attempts, or two probes. */
export const A_WHILE = 10_000;

/** A delivery over a provider of a test's own, on a clock moved by hand. What it tells is written down. */
export function start(limits: Partial<DeliveryConfig> = {}, client?: RelaySender) {
  const clock = new ManualClock();
  const provider = new Provider();
  const told: string[] = [];
  const losses: SocketDeliveryError[] = [];
  const log: string[] = [];
  const write = (line: string) => void log.push(line);
  const listener: DeliveryListener = {
    onRetrying: ({ id }) => void told.push(`${id} waits`),
    onDelivered: ({ id }) => void told.push(`${id} arrived`),
    onLost: ({ id }, error, isFirst) => {
      losses.push(error);
      told.push(`${id} lost to ${error.lost.join()}${isFirst ? '' : ' too'}`);
    },
  };
  const delivery = new RetryingDelivery(
    { provider: 'pusher', delivery: { ...LIMITS, ...limits } },
    {
      client: client ?? provider,
      clock,
      listener,
      logger: { log: write, warn: write, error: write },
    },
  );
  const send = (id: string, ...to: string[]) => delivery.send(relayTo(id, to));
  const advance = async (milliseconds: number) => {
    await settled();
    for (let left = milliseconds; left > 0; left -= 25) {
      clock.advance(Math.min(25, left));
      await settled();
    }
  };
  return { clock, provider, delivery, send, advance, told, losses, log };
}

/** A relay whose id is its event's name too. */
export function relayTo(id: string, recipients: readonly string[], payload: unknown = ''): Relay {
  const kind = recipients.length === 1 ? 'member' : 'members';
  return { id, kind, recipients, event: id, payload: Payload.of(payload) };
}

/** Long enough for every answer, and for what it sets off. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 8; turn++) await nextTurn();
}
