import { ManualClock } from '../../../src/adapters/memory/manual-clock.js';
import { RetryingDelivery } from '../../../src/delivery/retry/retrying-delivery.js';
import { Failover } from '../../../src/delivery/pair/failover.js';
import { Mirror } from '../../../src/delivery/pair/mirror.js';
import type { SocketClient } from '../../../src/ports/relay-client.js';
import type { ProviderHealth } from '../../../src/ports/socket-client.js';
import type { Provider as ProviderName } from '../../../src/ports/socket-config.js';
import { down, LIMITS, order, Provider, settled } from '../support.js';

/** One of two providers, with a script: what it does with calls, who is on it and how it is. */
export class ScriptedSide extends Provider {
  online: readonly string[] | Promise<never> = [];
  state: ProviderHealth = { status: 'up', connections: null };
  closed = false;

  constructor(
    readonly provider: ProviderName,
    readonly isLocal: boolean,
  ) {
    super();
  }

  onlineMembers = async (ids: readonly string[]): Promise<ReadonlySet<string>> => {
    const online = await this.online;
    return new Set(ids.filter((id) => online.includes(id)));
  };
  health = () => Promise.resolve(this.state);
  close = () => {
    this.closed = true;
    return Promise.resolve();
  };

  get side() {
    return { provider: this.provider, client: this as unknown as SocketClient, isLocal: this.isLocal };
  }
}

/** After so many failures in a row the second takes over. */
export const FAILURES = 3;

function parts(first: ScriptedSide, second: ScriptedSide) {
  const clock = new ManualClock();
  const log: string[] = [];
  const write = (line: string) => void log.push(line);
  return {
    first,
    second,
    clock,
    log,
    given: {
      primary: first.side,
      secondary: second.side,
      config: { broadcastChannel: 'broadcast', delivery: { ...LIMITS, breakerFailures: FAILURES } },
      clock,
      logger: { log: write, warn: write, error: write },
    },
  };
}

/** `pusher,ws`, or with the second somewhere else too. */
export function startMirror(secondIsLocal = true) {
  const made = parts(new ScriptedSide('pusher', false), new ScriptedSide('ws', secondIsLocal));
  return { ...made, client: new Mirror(made.given) };
}

/** `pusher,ws` in its usual form, and any other. */
export function startFailover(firstIsLocal = false, secondIsLocal = true) {
  const made = parts(new ScriptedSide('pusher', firstIsLocal), new ScriptedSide('ws', secondIsLocal));
  const client = new Failover(made.given);
  const advance = async (milliseconds: number) => {
    made.clock.advance(milliseconds);
    await settled();
  };
  /** Has the first one fail so often that the second takes over, by relays to nobody else. */
  const open = async () => {
    const { fate } = made.first;
    made.first.fate = down;
    for (let n = 0; n < FAILURES; n++) await client.relayToMember(`x${n}`, 'OPENS').catch(() => undefined);
    made.first.fate = fate;
    made.first.calls.length = 0;
    made.second.calls.length = 0;
  };
  /** What tries again above it, as the runtime builds it. */
  const retrying = () => {
    const told: string[] = [];
    const delivery = new RetryingDelivery(
      client,
      'pusher',
      { ...LIMITS, breakerFailures: 0 },
      made.clock,
      {
        onRetrying: ({ id }) => void told.push(`${id} waits`),
        onDelivered: ({ id }) => void told.push(`${id} arrived`),
        onLost: ({ id }) => void told.push(`${id} lost`),
      },
      made.given.logger,
    );
    return { send: (id: string, ...to: string[]) => delivery.send(order(id, to)), told };
  };
  return { ...made, client, advance, open, retrying };
}
