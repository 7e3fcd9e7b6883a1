import pMap from 'p-map';
import type { Clock, Timer } from '../../ports/clock.js';
import { run, script } from '../../redis/redis-scripts.js';
import { primariesOf } from './connection/primaries.js';
import type { RedisKeys } from './connection/redis-keys.js';
import type { RedisLink } from './connection/redis-link.js';
import { scan } from './connection/scan.js';
import type { Leases } from './leases.js';
import { readNodes } from './scripts/channel-record.js';
import { SWEEP_SCRIPT } from './scripts/lease-scripts.js';

const MAY_SWEEP = script(SWEEP_SCRIPT);
/** Every node corrects its own list so often, and one node of the cluster sweeps, in milliseconds. */
const ROUND_MS = 60_000;
/** After Redis may have lost data, that comes once this time has passed: then nodes have reported what they have. */
const SOON_MS = 3_000;
/** And once more after so long: by then nodes that the first sweep has put channels on the lists of can correct that. */
const AGAIN_MS = 10_000;
/** How many keys Redis looks at for one command, and the pause between two commands: at most 10,000 keys a second. */
const KEYS = 500;
const PAUSE_MS = 50;
const ADOPTED_AT_ONCE = 64;
/** How many channels are looked at a second time for one command. */
const LOOKED_AT = 500;
/** A node may be about to report, or to leave. It is looked at again after so long, if it looks wrong. */
const SECOND_LOOK_MS = 3_000;

/** Called by a {@link Sweep}. */
export interface SweepEvents {
  /** Corrects what Redis has of this node on the channels of its list. */
  readonly correct: () => Promise<void>;
  /** Ends the grace periods of a channel that no node has. */
  readonly adopt: (channel: string) => Promise<void>;
  readonly failed: (error: unknown) => void;
}

/** The parts that a {@link Sweep} works with. */
export interface SweepParts {
  readonly link: RedisLink;
  readonly keys: RedisKeys;
  readonly clock: Clock;
  readonly leases: Pick<Leases, 'isKnown' | 'claim'>;
}

/** The pauses before the next two rounds after a sign that data was lost. */
const AFTER_A_SIGN = [SOON_MS, AGAIN_MS];

/** A channel, the nodes that its record names, and those of them on whose lists it is not. */
interface Look {
  readonly channel: string;
  readonly names: readonly string[];
  readonly unlisted: readonly string[];
}

/**
 * Looks through the keys of all channels for what belongs to nobody. A Redis that came back with older data may have a channel again
 * that everybody has left; one that has evicted keys may not have the list by which a dead node's channels are found. Each channel is
 * put on the lists of the nodes that it names, and the leases that no node has are claimed. The rest follows from that: nodes correct
 * what is on their lists, and the lists of leases that are claimed are reaped.
 */
export class Sweep {
  readonly #parts: SweepParts;
  readonly #events: SweepEvents;
  #timer: Timer | undefined;
  /** The pauses before the next rounds, until everything is as usual. */
  #pauses: readonly number[] = [];
  #isSweeping = false;
  #isStopped = false;

  constructor(parts: SweepParts, events: SweepEvents) {
    this.#parts = parts;
    this.#events = events;
  }

  /** Sweeps from now on. */
  start(): void {
    if (this.#timer === undefined) this.#schedule();
  }

  /** Redis may have lost data: sweeps soon. */
  soon(): void {
    if (this.#pauses[0] === SOON_MS || this.#isStopped) return;
    this.#pauses = AFTER_A_SIGN;
    if (!this.#isSweeping) this.#schedule();
  }

  /** Stops the timer for good. */
  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  #schedule(): void {
    if (this.#isStopped) return;
    this.#timer?.cancel();
    const [pauseMs = ROUND_MS] = this.#pauses;
    this.#timer = this.#parts.clock.after(pauseMs, () => {
      this.#pauses = this.#pauses.slice(1);
      this.#isSweeping = true;
      void this.#sweep(pauseMs)
        .catch((error: unknown) => {
          if (this.#parts.link.isUp) this.#events.failed(error);
        })
        .finally(() => {
          this.#isSweeping = false;
          this.#schedule();
        });
    });
  }

  /** @param pauseMs the time since the last round */
  async #sweep(pauseMs: number): Promise<void> {
    const { link, keys } = this.#parts;
    if (!link.isUp) return;
    await this.#events.correct();
    const mayI = await link.use((redis) => run(redis, MAY_SWEEP, [keys.swept], [pauseMs]));
    if (mayI !== 1) return;
    const suspects = new Set<string>();
    for await (const channels of this.#channels()) {
      for (const look of await this.#look(channels)) if (this.#isWrong(look)) suspects.add(look.channel);
    }
    if (suspects.size === 0) return;
    await this.#pause(SECOND_LOOK_MS);
    const channels = [...suspects];
    for (let first = 0; first < channels.length; first += LOOKED_AT) {
      const looks = await this.#look(channels.slice(first, first + LOOKED_AT));
      await this.#mend(looks.filter((look) => this.#isWrong(look)));
    }
  }

  /** Whether no node has the channel, or nobody could correct what a node has of it. */
  #isWrong({ names, unlisted }: Look): boolean {
    const { leases } = this.#parts;
    return names.length === 0 || unlisted.length > 0 || !names.every((name) => leases.isKnown(name));
  }

  async #mend(looks: readonly Look[]): Promise<void> {
    const { link, keys, leases } = this.#parts;
    const lists = looks.flatMap(({ channel, unlisted }) => unlisted.map((name) => ({ channel, name })));
    await link.use(({ client }) =>
      Promise.all(lists.map(({ channel, name }) => client.sadd(keys.channelsOf(name), channel))),
    );
    const unknown = new Set(looks.flatMap(({ names }) => names.filter((name) => !leases.isKnown(name))));
    if (unknown.size > 0) await leases.claim([...unknown]);
    const left = looks.filter(({ names }) => names.length === 0);
    await pMap(left, ({ channel }) => this.#events.adopt(channel), { concurrency: ADOPTED_AT_ONCE });
  }

  async #look(channels: readonly string[]): Promise<readonly Look[]> {
    const { link, keys } = this.#parts;
    const records = await link.use(({ client }) =>
      Promise.all(channels.map((channel) => client.hget(keys.bus(channel), 'nodes'))),
    );
    const lists = new Map<string, string[]>();
    const named = channels.map((channel, index) => {
      const names = [...readNodes(records[index] ?? '').keys()];
      for (const name of names) {
        const list = lists.get(name);
        if (list === undefined) lists.set(name, [channel]);
        else list.push(channel);
      }
      return { channel, names };
    });
    const listed = new Map<string, ReadonlySet<string>>();
    await link.use(({ client }) =>
      Promise.all(
        Array.from(lists, async ([name, list]) => {
          const isListed = await client.smismember(keys.channelsOf(name), ...list);
          listed.set(name, new Set(list.filter((_, index) => isListed[index] === 1)));
        }),
      ),
    );
    return named.map(({ channel, names }) => ({
      ...{ channel, names },
      unlisted: names.filter((name) => listed.get(name)?.has(channel) !== true),
    }));
  }

  /** The channels that have keys, some at a time. A channel may come several times. */
  async *#channels(): AsyncGenerator<readonly string[]> {
    const { link, keys } = this.#parts;
    for (const client of await link.use(async (redis) => primariesOf(redis.client))) {
      const ask = (cursor: string) =>
        link.use(() => client.scan(cursor, 'MATCH', keys.everyChannel, 'COUNT', KEYS));
      for await (const found of scan(ask)) {
        const channels = new Set(found.flatMap((key) => keys.recordOf(key) ?? []));
        if (channels.size > 0) yield [...channels];
        await this.#pause(PAUSE_MS);
      }
    }
  }

  #pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#isStopped) resolve();
      else this.#timer = this.#parts.clock.after(milliseconds, resolve);
    });
  }
}
