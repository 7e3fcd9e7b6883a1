import 'reflect-metadata';
import type { ChannelEngine } from '../../../src/channels/channel-engine.js';
import type { SocketSettings } from '../../../src/config/settings.js';
import { socketConfig } from '../../../src/config/socket-config.js';
import type { ChannelEvent } from '../../../src/ports/channel-events.js';
import { SocketRuntime } from '../../../src/runtime/socket-runtime.js';
import { APP, EngineClient, type HeardFrame } from '../engine-session.js';
import { engineOf } from '../runtime-parts.js';
import { onTeardown } from '../teardown.js';
import { eventually, SETTLED_MS } from './waiting.js';

/** The settings of an engine of these tests besides the address of Redis. */
export type EngineSettings = NonNullable<SocketSettings['gateway']> &
  Pick<SocketSettings, 'maxEventBytes' | 'history' | 'idempotencyS'> & { readonly prefix?: string };

/** A node without sockets, in this very process: the engine over a real Redis, as the gateway runs it. Closed after the test. */
export class EngineNode {
  /** The events that `onChannelEvent` and the webhooks would be told on this node. */
  readonly events: ChannelEvent[] = [];
  #opened = 0;

  private constructor(
    readonly engine: ChannelEngine,
    /** The logged lines of every level. */
    readonly log: readonly string[],
    private readonly name: number,
  ) {}

  /** Starts one, and waits until it takes part. The name tells its socket ids from those of others. */
  static async start(url: string, name: number, settings: EngineSettings = {}): Promise<EngineNode> {
    const node = await EngineNode.begin(url, name, settings);
    await eventually(SETTLED_MS, () => {
      expect(node.engine.problem).toBeUndefined();
    });
    return node;
  }

  /** Starts one, which may reach Redis or not. */
  static async begin(
    url: string,
    name: number,
    { prefix = 'switchboard', maxEventBytes, history, idempotencyS, limits, ...gateway }: EngineSettings = {},
  ): Promise<EngineNode> {
    const settings = {
      ...{ provider: 'ws', app: APP, cluster: 'redis', redis: { url, prefix } },
      ...(maxEventBytes !== undefined && { maxEventBytes }),
      ...(history !== undefined && { history }),
      ...(idempotencyS !== undefined && { idempotencyS }),
      gateway: {
        ...{ clientEvents: true, ...gateway },
        limits: { channelsPerConnection: 0, subscribesPerSecond: 0, ...limits },
      },
    } as const satisfies SocketSettings;
    const lines: string[] = [];
    const log = (line: string) => void lines.push(line);
    const logger = { log, warn: log, error: log };
    const runtime = await SocketRuntime.start(socketConfig({}, settings), logger);
    const node = new EngineNode(engineOf(runtime), lines, name);
    onTeardown(() => node.engine.close());
    runtime.channelEvents.listen((event) => {
      node.events.push(event);
    });
    await node.engine.start();
    return node;
  }

  /** Two of them, which share a Redis. */
  static two(url: string, settings: EngineSettings = {}): Promise<[EngineNode, EngineNode]> {
    return Promise.all([EngineNode.start(url, 1, settings), EngineNode.start(url, 2, settings)]);
  }

  /** A client that was greeted. */
  connects(): Client {
    return new Client(this.engine, `${this.name}.${++this.#opened}`);
  }

  /** A client that is on a channel; on presence channels as a user. */
  async joins(channel: string, userId?: string, info?: unknown): Promise<Client> {
    const client = this.connects();
    await client.joins(channel, userId, info);
    return client;
  }

  /** The events of a channel, as this node was told them. */
  told(channel: string, name?: ChannelEvent['name']): ChannelEvent[] {
    return this.events.filter(
      (event) => event.channel === channel && (name === undefined || event.name === name),
    );
  }
}

/** A client of an engine, which keeps everything that it hears. */
export class Client extends EngineClient {
  readonly #heard: HeardFrame[] = [];

  /** Everything that it heard, oldest first. */
  get heard(): readonly HeardFrame[] {
    this.#heard.push(...this.hears());
    return this.#heard;
  }

  /** The frames of one event that it heard, on one channel. */
  frames(event: string, channel?: string): HeardFrame[] {
    return this.heard.filter(
      (frame) => frame.event === event && (channel === undefined || frame.channel === channel),
    );
  }

  /** Subscribes, and waits until that is answered. */
  async joins(channel: string, userId?: string, info?: unknown): Promise<void> {
    const before = this.#answers(channel);
    this.subscribes(channel, userId === undefined ? undefined : { user_id: userId, user_info: info });
    await eventually(SETTLED_MS, () => {
      expect(this.#answers(channel)).toBe(before + 1);
    });
  }

  /** Signs in, and waits until that is answered, together with what is told of the watchlist. */
  async isSignedIn(userData: { readonly id: string; readonly watchlist?: readonly string[] }): Promise<void> {
    this.signsIn(userData);
    const answer =
      userData.watchlist === undefined ? 'pusher:signin_success' : 'pusher_internal:watchlist_events';
    await eventually(SETTLED_MS, () => {
      expect(this.frames(answer)).toHaveLength(1);
    });
  }

  #answers(channel: string): number {
    return this.frames('pusher_internal:subscription_succeeded', channel).length;
  }
}

/** The members of a presence channel as an HTTP API would list them, sorted. */
export async function rosterOf(node: EngineNode, channel: string): Promise<string[]> {
  return (await node.engine.members(channel)).map(({ id }) => id).sort();
}
