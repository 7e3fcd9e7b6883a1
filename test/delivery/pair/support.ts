import { ManualClock } from '../../../src/adapters/memory/manual-clock.js';
import { Failover } from '../../../src/delivery/pair/failover.js';
import { Mirror } from '../../../src/delivery/pair/mirror.js';
import { RetryingDelivery } from '../../../src/delivery/retry/retrying-delivery.js';
import type { AdapterClient } from '../../../src/ports/relay-client.js';
import type { ChannelMember, ProviderHealth } from '../../../src/ports/socket-client.js';
import type { DeliveryConfig, Provider as ProviderName } from '../../../src/ports/socket-config.js';
import { down, LIMITS, Provider, relayTo, settled } from '../support.js';

/** One of two providers, with a script: its answers, its online members and its health. */
export class ScriptedProvider extends Provider {
  online: readonly string[] | Promise<never> = [];
  /** Its answer to every ask, once that is there. */
  answer: Promise<unknown> = Promise.resolve();
  present: readonly ChannelMember[] | Promise<never> = [];
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
  channelMembers = async (): Promise<readonly ChannelMember[]> => this.present;
  askMember = (memberId: string, event: string): Promise<unknown> => {
    this.calls.push(`${event}? ${memberId}`);
    return this.answer;
  };
  health = () => Promise.resolve(this.state);
  close = () => {
    this.closed = true;
    return Promise.resolve();
  };

  get paired() {
    return { provider: this.provider, client: this as unknown as AdapterClient, isLocal: this.isLocal };
  }
}

/** After so many failures in a row the secondary takes over. */
export const FAILURES = 3;

function scripted(primary: ScriptedProvider, secondary: ScriptedProvider) {
  const clock = new ManualClock();
  const log: string[] = [];
  const write = (line: string) => void log.push(line);
  return {
    primary,
    secondary,
    clock,
    log,
    parts: {
      primary: primary.paired,
      secondary: secondary.paired,
      config: { broadcastChannel: 'broadcast', delivery: { ...LIMITS, breakerFailures: FAILURES } },
      clock,
      isRetried: true,
      logger: { log: write, warn: write, error: write },
    },
  };
}

/** `pusher,ws`, or with the secondary somewhere else too. */
export function startMirror(secondaryIsLocal = true, isRetried = true) {
  const made = scripted(new ScriptedProvider('pusher', false), new ScriptedProvider('ws', secondaryIsLocal));
  const client = new Mirror({ ...made.parts, isRetried });
  const retrying = (limits: Partial<DeliveryConfig>) => retryingOver(client, made, limits);
  return { ...made, client, retrying };
}

/** `pusher,ws` in its usual form, and any other. */
export function startFailover(primaryIsLocal = false, secondaryIsLocal = true) {
  const made = scripted(
    new ScriptedProvider('pusher', primaryIsLocal),
    new ScriptedProvider('ws', secondaryIsLocal),
  );
  const client = new Failover(made.parts);
  const advance = async (milliseconds: number) => {
    made.clock.advance(milliseconds);
    await settled();
  };
  /** Has the primary fail so often that the secondary takes over, by relays to nobody else. */
  const open = async () => {
    const { fate } = made.primary;
    made.primary.fate = down;
    for (let n = 0; n < FAILURES; n++) await client.relayToMember(`x${n}`, 'OPENS').catch(() => undefined);
    made.primary.fate = fate;
    made.primary.calls.length = 0;
    made.secondary.calls.length = 0;
  };
  return { ...made, client, advance, open, retrying: () => retryingOver(client, made) };
}

/** The retrying delivery in front of a pair, as the runtime builds it. */
function retryingOver(
  client: AdapterClient,
  { clock, parts }: ReturnType<typeof scripted>,
  limits: Partial<DeliveryConfig> = {},
) {
  const told: string[] = [];
  const delivery = new RetryingDelivery(
    { provider: 'pusher', delivery: { ...LIMITS, breakerFailures: 0, ...limits } },
    {
      client,
      clock,
      listener: {
        onRetrying: ({ id }) => void told.push(`${id} waits`),
        onDelivered: ({ id }) => void told.push(`${id} arrived`),
        onLost: ({ id }) => void told.push(`${id} lost`),
      },
      logger: parts.logger,
    },
  );
  return { send: (id: string, ...to: string[]) => delivery.send(relayTo(id, to)), told };
}
