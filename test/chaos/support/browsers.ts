import { SocketService } from 'nestjs-switchboard';
import type { ChannelEngine } from '../../../src/channels/channel-engine.js';
import type { SocketSettings } from '../../../src/config/settings.js';
import { ChaosProxy } from '../../support/chaos-proxy.js';
import { expectNoContradictions } from '../../support/cluster/agreement.js';
import { Member } from '../../support/cluster/member.js';
import { eventually } from '../../support/cluster/waiting.js';
import { Host } from '../../support/host.js';
import { engineOf } from '../../support/runtime-parts.js';
import { STEADY, Steady } from './steady.js';

/** The presence channel that all of them are on. */
export const ROOM = 'presence-room';
/** And the channel for client events. */
export const NOTES = 'private-notes';

/** How many browsers are behind the proxy. */
export const BROWSERS = 20;

const READY_MS = 60_000;
const EVERY_MS = 40;

/** A gateway, browsers behind a bad network, and one who looks on over a good one. All of it is gone after the test. */
export class Browsers {
  /** The errors that browsers reported of the connection, frames that they could not read among them. */
  readonly errors: unknown[] = [];

  private constructor(
    readonly host: Host,
    readonly proxy: ChaosProxy,
    readonly members: readonly Member[],
    readonly witness: Member,
    readonly traffic: Steady,
  ) {
    for (const { pusher } of members) {
      pusher.connection.bind('error', (error: { type?: string }) => this.errors.push(error.type));
    }
  }

  /**
   * Starts all of it, and traffic to every browser behind the proxy.
   *
   * @param pongTimeout how long `pusher-js` waits for a pong, in milliseconds
   */
  static async start(
    gateway: NonNullable<SocketSettings['gateway']>,
    pongTimeout = 30_000,
  ): Promise<Browsers> {
    const host = await Host.start({ gateway: { clientEvents: true, presenceGraceMs: 60_000, ...gateway } });
    const proxy = await ChaosProxy.before(host.port);
    const witness = await Member.on(host, 'witness', ROOM, NOTES);
    const open = Array.from({ length: BROWSERS }, (_, index) =>
      Member.open(`member-${index}`, proxy, { pongTimeout }),
    );
    const members = await Promise.all(open);
    for (const member of members) {
      member.join(ROOM);
      member.join(NOTES);
    }
    await areReady(members);
    const service = host.nest.get(SocketService);
    const traffic = Steady.to(
      members,
      (member, n) => service.relayToMember(member, STEADY as never, { n } as never),
      EVERY_MS,
    );
    const browsers = new Browsers(host, proxy, members, witness, traffic);
    await traffic.isHeardByAll();
    return browsers;
  }

  /** The members that the gateway itself believes to be there. */
  get engine(): ChannelEngine {
    return engineOf(this.host.runtime);
  }

  /** The arrivals and departures that the observer was told of since everybody was there. */
  get noise(): readonly string[] {
    return this.witness.moves(ROOM).filter((move) => !/^\+/.test(move));
  }

  /** Resolves when all are back and hear again. */
  async areBack(): Promise<void> {
    await areReady(this.members);
    await this.traffic.isHeardByAll(READY_MS);
  }

  /** Ends the traffic, waits for what is on its way, and checks what always holds. */
  async settle(): Promise<void> {
    await this.traffic.stop();
    await eventually(READY_MS, () => {
      expect(this.traffic.figures).toMatchObject({ failed: 0, lost: 0, duplicated: 0, outOfOrder: 0 });
      // Nobody is counted twice, and nothing is kept of the connections that broke.
      expect(this.engine.connections).toBe(BROWSERS + 1);
    });
    expectNoContradictions([this.witness, ...this.members]);
    expect(this.errors).not.toContain('MessageParseError');
  }
}

async function areReady(members: readonly Member[]): Promise<void> {
  await eventually(READY_MS, () => {
    expect(members.filter(({ isReady }) => !isReady).map(({ id }) => id)).toEqual([]);
  });
}
