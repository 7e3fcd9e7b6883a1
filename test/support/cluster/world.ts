import { setTimeout as delay } from 'node:timers/promises';
import { expectNoContradictions, expectRosterInBrowsers, expectRosterOnNodes } from './agreement.js';
import { Api } from './api.js';
import { Cluster } from './cluster.js';
import { Member } from './member.js';
import { Moves } from './moves.js';
import type { ClusterNode } from './nodes.js';
import {
  BROWSERS,
  type Disaster,
  memberOf,
  NODES,
  NOTES,
  ROOMS,
  type Scenario,
  type Step,
} from './scenario.js';
import { eventually, SETTLED_MS } from './waiting.js';

const GRACE_MS = 300;

/** A browser that is open, where, and what it wants to be subscribed to. */
interface Tab {
  readonly member: Member;
  node: number;
  readonly wants: Set<string>;
}

/**
 * Three nodes and some browsers, beside the simplest model of them: who is connected, and wants what. Once everything is
 * quiet, the model and everybody's view have to be the same.
 */
export class World {
  readonly #tabs = new Map<number, Tab>();
  /** All that ever were, for what they were told. */
  readonly #members: Member[] = [];
  /**
   * Whether webhooks must add up. Those that a killed node still held are lost with it; and what Redis had done, and died
   * before it said so, nobody can tell.
   */
  #isExact = true;
  /** Whether Redis forgot who was where: then whoever came meanwhile cannot know that somebody else was there before. */
  #hasForgotten = false;
  /** Those that were killed too, for what they told. */
  readonly #everyNode: ClusterNode[];

  private constructor(
    private readonly cluster: Cluster,
    private readonly nodes: ClusterNode[],
  ) {
    this.#everyNode = [...nodes];
  }

  static async start(): Promise<World> {
    const cluster = await Cluster.start({ SOCKET_PRESENCE_GRACE_MS: String(GRACE_MS) });
    const nodes = await Promise.all(Array.from({ length: NODES }, () => cluster.node()));
    return new World(cluster, nodes);
  }

  /** Plays a story, and checks after each of its chapters that everybody agrees on how it ended. */
  async play({ before, chapters }: Scenario): Promise<void> {
    await this.#do(before);
    if (chapters.length === 0) await this.#settles();
    for (const { disaster, after } of chapters) {
      await this.#suffer(disaster);
      await this.#do(after);
      await this.#settles();
    }
    expectNoContradictions(this.#members);
  }

  /** Ends everything, so that the next one has the machine to itself. */
  async close(): Promise<void> {
    for (const { pusher } of this.#members) pusher.disconnect();
    await Promise.all(this.nodes.map((node) => node.kill()));
    await this.cluster.redis.stop();
    await this.cluster.webhooks.stop();
  }

  async #do(steps: readonly Step[]): Promise<void> {
    for (const step of steps) {
      if (step.do === 'wait') await delay(step.ms);
      else if (step.do === 'subscribe') {
        const { member, wants } = await this.#tab(step.browser);
        wants.add(step.channel);
        member.join(step.channel);
      } else this.#change(step);
    }
  }

  #change(step: Exclude<Step, { do: 'wait' | 'subscribe' }>): void {
    const tab = this.#tabs.get(step.browser);
    if (tab === undefined) return;
    if (step.do === 'leave') {
      tab.wants.delete(step.channel);
      tab.member.leave(step.channel);
    } else if (step.do === 'drop') {
      tab.node = step.node;
      tab.member.drop(this.#node(step.node));
    } else {
      tab.member.vanish();
      this.#tabs.delete(step.browser);
    }
  }

  async #suffer(disaster: Disaster): Promise<void> {
    if (disaster.isQuiet) await this.#settles();
    else this.#isExact = false;
    if (disaster.do === 'lose-redis') {
      this.#hasForgotten = true;
      await this.cluster.redis.stop();
      await this.#do(disaster.meanwhile);
      await this.cluster.redis.restart();
      return;
    }
    // Its browsers go elsewhere: the load balancer knows that it is dead.
    for (const [browser, tab] of this.#tabs) {
      if (tab.node !== disaster.node) continue;
      tab.node = (disaster.node + 1 + (browser % (NODES - 1))) % NODES;
      tab.member.line.leadTo(this.#node(tab.node));
    }
    await this.#node(disaster.node).kill();
    const node = (this.nodes[disaster.node] = await this.cluster.node());
    this.#everyNode.push(node);
  }

  async #tab(browser: number): Promise<Tab> {
    const open = this.#tabs.get(browser);
    if (open !== undefined) return open;
    const node = browser % NODES;
    const member = await Member.open(memberOf(browser), this.#node(node));
    const tab = { member, node, wants: new Set<string>() };
    this.#tabs.set(browser, tab);
    this.#members.push(member);
    return tab;
  }

  #settles(): Promise<void> {
    return eventually(SETTLED_MS, async () => {
      this.#expectEverybodyReady();
      for (const room of ROOMS) await this.#expectAgreementOn(room);
      await this.#expectAgreementOnTheRest();
      if (this.#isExact) this.#expectWebhooksToAddUp();
    });
  }

  #expectEverybodyReady(): void {
    for (const { member, wants } of this.#tabs.values()) member.leaveAllBut(wants);
    const waiting = [...this.#tabs.values()].filter(({ member }) => !member.isReady);
    expect(waiting.map(({ member }) => `${member.id} is ${member.pusher.connection.state}`)).toEqual([]);
  }

  async #expectAgreementOn(room: string): Promise<void> {
    const ids = this.#present(room);
    const browsers = [...this.#tabs.values()].filter(({ wants }) => wants.has(room));
    expectRosterInBrowsers(
      browsers.map(({ member }) => member),
      room,
      ids,
    );
    await expectRosterOnNodes(this.nodes, room, ids);
  }

  async #expectAgreementOnTheRest(): Promise<void> {
    const tabs = [...this.#tabs.values()];
    const everybody = Array.from({ length: BROWSERS }, (_, browser) => memberOf(browser));
    const online = [...new Set(tabs.map(({ member }) => member.id))].sort();
    const notes = tabs.filter(({ wants }) => wants.has(NOTES)).length;
    const occupied = [...new Set(tabs.flatMap(({ wants }) => [...wants]))].sort();
    for (const node of this.nodes) {
      const api = new Api(node);
      expect(await node.call('onlineMembers', everybody)).toEqual(online);
      expect(await api.occupied('pr')).toEqual(occupied);
      expect(await api.channel(NOTES, 'subscription_count')).toMatchObject({
        occupied: notes > 0,
        subscription_count: notes,
      });
    }
  }

  #expectWebhooksToAddUp(): void {
    for (const room of ROOMS) {
      const present = this.#present(room);
      const moves = this.#moves(room);
      expect({ room, webhooks: this.cluster.webhooks.moves(room) }).toEqual({ room, webhooks: moves.all });
      const wrong = [...new Set([...present, ...moves.ids])]
        .filter((id) => !this.#addsUp(moves, id, present.includes(id)))
        .map((id) => ({ id, told: moves.of(id) }));
      expect({ room, present, wrong }).toEqual({ room, present, wrong: [] });
      const { occupied, vacated } = this.cluster.webhooks.occupancy(room);
      const expected = vacated + (present.length > 0 ? 1 : 0);
      const tooMany = this.#hasForgotten ? Math.max(0, occupied - expected) : 0;
      expect({ room, occupied }).toEqual({ room, occupied: expected + tooMany });
    }
  }

  /**
   * After Redis forgot, a node that comes back late tells once more that somebody came: once too often is no contradiction,
   * but the last word has to be true all the same.
   */
  #addsUp(moves: Moves, id: string, isPresent: boolean): boolean {
    const [balance, due] = [moves.balance(id), isPresent ? 1 : 0];
    return this.#hasForgotten
      ? balance >= due && moves.mayEndWith(isPresent ? '+' : '-', id)
      : balance === due;
  }

  /** The events that all nodes ever reported in process; they post the same to webhooks. */
  #moves(room: string): Moves {
    return new Moves(
      this.#everyNode.flatMap(({ reports }) => reports),
      room,
    );
  }

  /** The members that have to be on a presence channel: the model's whole opinion. */
  #present(room: string): string[] {
    const tabs = [...this.#tabs.values()].filter(({ wants }) => wants.has(room));
    return [...new Set(tabs.map(({ member }) => member.id))].sort();
  }

  #node(index: number): ClusterNode {
    const node = this.nodes[index];
    if (node === undefined) throw new Error(`There is no node ${index}`);
    return node;
  }
}
