import { AuthorizeChannel, SocketService } from 'nestjs-switchboard';
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

/** Admits everybody. Where pages do not catch up, their clients sign by themselves. */
@AuthorizeChannel(ROOM)
class Room {
  authorize = (): boolean => true;
}

@AuthorizeChannel(NOTES)
class Notes {
  authorize = (): boolean => true;
}

/** A gateway, browsers behind a bad network, and one who looks on over a good one. All of it is gone after the test. */
export class Browsers {
  /** The errors that browsers reported of the connection, frames that they could not read among them. */
  readonly errors: unknown[] = [];
  /** The relays that browsers asked for, because they had missed them. */
  caughtUp = 0;

  private constructor(
    readonly host: Host,
    readonly proxy: ChaosProxy,
    /** The network of the browsers' requests, for those that catch up with what they missed. */
    readonly requests: ChaosProxy,
    readonly members: readonly Member[],
    readonly witness: Member,
    readonly traffic: Steady,
  ) {
    for (const { pusher } of members) {
      pusher.connection.bind('error', (error: { type?: string }) => this.errors.push(error.type));
      pusher.connection.bind('message', ({ caughtUp }: { caughtUp?: true }) => {
        if (caughtUp === true) this.caughtUp++;
      });
    }
  }

  /**
   * Starts all of it, and traffic to every browser behind the proxy.
   *
   * @param pongTimeout how long `pusher-js` waits for a pong, in milliseconds
   */
  static start(gateway: NonNullable<SocketSettings['gateway']>, pongTimeout = 30_000): Promise<Browsers> {
    return Browsers.#start(gateway, {}, (id, proxy) => Member.open(id, proxy, { pongTimeout }));
  }

  /** The same with browsers that catch up with what they missed. Their requests have a bad network too. */
  static async startWithHistory(
    gateway: NonNullable<SocketSettings['gateway']>,
    pongTimeout = 30_000,
  ): Promise<Browsers> {
    // More events than a browser misses while its first request is lost, which takes ten seconds to find out.
    const history = { channels: ['members'], channelEvents: 3_000 };
    return Browsers.#start(gateway, { history }, (id, proxy, requests) =>
      Member.byConnect(id, proxy, requests, { pongTimeout }),
    );
  }

  static async #start(
    gateway: NonNullable<SocketSettings['gateway']>,
    more: Pick<SocketSettings, 'history'>,
    openMember: (id: string, proxy: ChaosProxy, requests: ChaosProxy) => Promise<Member>,
  ): Promise<Browsers> {
    const host = await Host.start({
      gateway: { clientEvents: true, presenceGraceMs: 60_000, ...gateway },
      providers: [Room, Notes],
      ...more,
    });
    const [proxy, requests] = [await ChaosProxy.before(host.port), await ChaosProxy.before(host.port)];
    const witness = await Member.on(host, 'witness', ROOM, NOTES);
    const open = Array.from({ length: BROWSERS }, (_, index) =>
      openMember(`member-${index}`, proxy, requests),
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
    const browsers = new Browsers(host, proxy, requests, members, witness, traffic);
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
