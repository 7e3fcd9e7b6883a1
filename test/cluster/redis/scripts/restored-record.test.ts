import type { Redis } from 'ioredis';
import {
  type FullReport,
  type OccupancyRequest,
  readSyncReply,
  type SyncAction,
  type SyncReply,
} from '../../../../src/cluster/redis/scripts/occupancy-messages.js';
import { OCCUPANCY_SCRIPT } from '../../../../src/cluster/redis/scripts/occupancy-script.js';
import { type RedisServer, startRedis } from '../../../support/redis.js';

const RECORD = 'test:{presence-room}';
const LEASES = 'test:{#}:nodes';
const NODES = ['ann.1', 'ben.1', 'cat.1'] as const;
type Node = (typeof NODES)[number];

/** Nodes that all hear the bus of one channel, whose record Redis has lost. Each sends its reports when the test says so. */
class LostChannel {
  #number = 100;
  readonly events: string[] = [];

  private constructor(private readonly client: Redis) {}

  static async on(redis: RedisServer, hearing: readonly Node[] = NODES): Promise<LostChannel> {
    const client = redis.client();
    for (const node of NODES) await client.zadd(LEASES, Date.now(), node);
    for (const _ of hearing) await redis.client().subscribe(RECORD);
    return new LostChannel(client);
  }

  /** Reports what a node has: everything again, or the changes since its last report. */
  async report(node: Node, action: Partial<SyncAction>): Promise<SyncReply> {
    const report = ++this.#number;
    const request: OccupancyRequest = {
      mode: 'sync',
      answered: report - 1,
      subscriptions: 1,
      graceMs: 0,
      ...action,
      report,
      node,
      kind: 'presence',
    };
    const keys = [RECORD, LEASES, `test:node:${node}`];
    const text = await this.client.eval(OCCUPANCY_SCRIPT, keys.length, ...keys, JSON.stringify(request));
    const reply = readSyncReply(text);
    if (reply.unknown !== true) {
      const told = reply.events.map((event) =>
        'user_id' in event ? `${event.name} ${event.user_id}` : event.name,
      );
      this.events.push(...told);
    }
    return reply;
  }

  /** The version that the record has now. */
  async version(): Promise<number> {
    return Number(await this.client.hget(RECORD, 'version'));
  }

  /** The time is over in which the nodes that live have reported the channel again. */
  async timePasses(): Promise<void> {
    const [from, at] = (await this.client.hget(RECORD, 'restored'))?.split(' ') ?? [];
    await this.client.hset(RECORD, 'restored', `${from ?? ''} ${Number(at) - 3_000_000}`);
  }

  async members(): Promise<string[]> {
    const fields = await this.client.hkeys(RECORD);
    return fields.flatMap((name) => (name.startsWith('@') ? [name.slice(1)] : [])).sort();
  }
}

/** What a node had, of which Redis has nothing any more. */
const had = (
  node: Node,
  ids: readonly string[],
  others: readonly string[],
  rosterVersion: number,
): FullReport => ({
  reported: ids.map((id) => [id, '']),
  waiting: [],
  unclaimed: others.map((id) => [id, '']),
  wasSubscribed: true,
  wasVacating: false,
  rosterVersion,
  countedAs: node,
});
/** The report of a node that was not there. */
const NEW: FullReport = { ...had('ann.1', [], [], 0), wasSubscribed: false, countedAs: '' };
const BEFORE = 1_000;

let redis: RedisServer;
beforeEach(async () => {
  redis = await startRedis();
});

describe('After Redis has lost the record of a channel', () => {
  test.each([
    ['as old as that of the node that has restored the channel', () => BEFORE],
    ['older than that', () => BEFORE - 1],
    ['one that was restored since', (version: number) => version],
  ])('a member who left is not told gone a second time by a node whose roster is %s', async (_, rosterOf) => {
    const channel = await LostChannel.on(redis);
    await channel.report('ann.1', { full: had('ann.1', ['ada'], ['bob'], BEFORE) });
    const restored = await channel.version();
    await channel.timePasses();
    await channel.report('ann.1', { leaves: [['ada', 1]], graceMs: 0 });
    expect(channel.events).toEqual(['member_removed ada']);
    await channel.report('ben.1', { full: had('ben.1', ['bob'], ['ada'], rosterOf(restored)) });
    expect(await channel.members()).toEqual(['bob']);
  });

  test('a member of whom only the second node has heard is waited for', async () => {
    const channel = await LostChannel.on(redis);
    await channel.report('ann.1', { full: had('ann.1', ['ada'], [], BEFORE) });
    await channel.report('ben.1', { full: had('ben.1', ['bob'], ['ada', 'cy'], BEFORE + 1) });
    expect(await channel.members()).toEqual(['ada', 'bob', 'cy']);
    expect(channel.events).toEqual([]);
  });

  test('a member of whom the first node has not heard, because it was leaving, is waited for', async () => {
    const channel = await LostChannel.on(redis);
    const leaving = { ...had('ann.1', ['ada'], [], BEFORE), wasSubscribed: true };
    await channel.report('ann.1', { subscriptions: 0, full: leaving, leaves: [['ada', 1]] });
    await channel.report('ben.1', { full: had('ben.1', ['bob'], ['cy'], BEFORE) });
    expect(await channel.members()).toContain('cy');
  });

  test('a member who joins a node while others have not reported is let in after they had the time', async () => {
    const channel = await LostChannel.on(redis);
    await channel.report('ann.1', { full: had('ann.1', [], [], BEFORE) });
    const join = { joins: [['bob', '', 0]] as const };
    expect(await channel.report('ann.1', join)).toEqual({ unknown: true, isLost: true });
    await channel.report('ben.1', { full: had('ben.1', ['bob'], [], BEFORE) });
    await channel.report('ann.1', { ...join, answered: 101 });
    expect([channel.events, await channel.members()]).toEqual([[], ['bob']]);
  });

  test('a member who joins a node is let in at once when nobody else is on the channel, or all have reported', async () => {
    const channel = await LostChannel.on(redis, ['ann.1', 'ben.1']);
    await channel.report('ann.1', { full: had('ann.1', [], [], BEFORE) });
    await channel.report('ben.1', { full: had('ben.1', ['bob'], [], BEFORE) });
    await channel.report('ann.1', { answered: 101, joins: [['cy', '', 0]] });
    expect(channel.events).toEqual(['member_added cy']);
  });

  test('nodes that are all new on it do not wait for each other', async () => {
    const channel = await LostChannel.on(redis, ['ann.1', 'ben.1']);
    const join = { full: NEW, joins: [['bob', '', 0]] as const };
    expect(await channel.report('ann.1', join)).toEqual({ unknown: true, isLost: true });
    await channel.report('ben.1', join);
    expect(channel.events).toEqual(['channel_occupied', 'member_added bob']);
  });

  test('a node that is new on it waits for those that hear its bus, although they are on no list', async () => {
    const channel = await LostChannel.on(redis);
    const join = { full: NEW, joins: [['bob', '', 0]] as const };
    expect(await channel.report('ann.1', join)).toEqual({ unknown: true, isLost: true });
    expect(await channel.report('ann.1', { ...join, hasWaited: true })).toMatchObject({ refused: [] });
    expect(channel.events).toEqual(['channel_occupied', 'member_added bob']);
  });

  test('its last node is told to be the last only after the others had the time to report it', async () => {
    const channel = await LostChannel.on(redis);
    await channel.report('ann.1', { full: had('ann.1', ['ada'], [], BEFORE) });
    const left = await channel.report('ann.1', {
      subscriptions: 0,
      leaves: [['ada', 1]],
      isLeaveDeliberate: true,
    });
    expect(channel.events).toEqual([]);
    expect(left.unknown === true ? undefined : left.graceMs).toBeGreaterThan(0);
  });
});
