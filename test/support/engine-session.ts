import 'reflect-metadata';
import { ManualClock } from '../../src/adapters/memory/manual-clock.js';
import { ChannelEngine } from '../../src/channels/channel-engine.js';
import { ChannelEventSource } from '../../src/channels/channel-event-source.js';
import type { Connection } from '../../src/channels/connection.js';
import type { Session } from '../../src/channels/session.js';
import { LocalCluster } from '../../src/cluster/local/local-cluster.js';
import type { SocketSettings } from '../../src/config/settings.js';
import { socketConfig } from '../../src/config/socket-config.js';
import { MemoryLog } from '../../src/history/memory-log.js';
import type { Timer } from '../../src/ports/clock.js';
import type { Cluster } from '../../src/ports/cluster.js';
import { ProtocolError } from '../../src/protocol/codes.js';
import type { Frame } from '../../src/protocol/frame.js';
import { channelAuth, userAuth } from './signing.js';

export const APP = { id: '1', key: 'test-key', secret: 'test-secret' };

/** Silent for two minutes, so that tests of something else can move the clock without answering pings. */
const GATEWAY = { clientEvents: true, activityTimeoutS: 120 };

const BINARY = new ProtocolError(null, 'Binary messages are not supported');

/** A frame as it came over the wire, its data read once: text of JSON becomes what it says. */
export interface HeardFrame {
  readonly event: string;
  readonly channel?: string;
  readonly data?: unknown;
  readonly user_id?: string;
}

/** Stands still until it is moved, and knows how many calls are waiting for it. */
class CountingClock extends ManualClock {
  readonly #running = new Set<object>();

  get timers(): number {
    return this.#running.size;
  }

  override after(milliseconds: number, call: () => void): Timer {
    const timer = super.after(milliseconds, () => {
      this.#running.delete(timer);
      call();
    });
    this.#running.add(timer);
    return {
      cancel: () => {
        this.#running.delete(timer);
        timer.cancel();
      },
    };
  }
}

/** The engine with a clock that stands still, and a place where unexpected errors are found. */
export class EngineSession {
  readonly clock = new CountingClock();
  /** The errors that the engine logged: nothing that a client sends should cause one. */
  readonly errors: string[] = [];
  readonly engine: ChannelEngine;
  readonly events: ChannelEventSource;
  #opened = 0;

  /**
   * @param hasSuccessor whether there is another node that would take the clients, although nobody is on it
   * @param changed the cluster, as the test wants it
   * @param history none, unless the test is about it
   */
  constructor(
    gateway: SocketSettings['gateway'] = {},
    hasSuccessor = false,
    changed = (cluster: Cluster): Cluster => cluster,
    history: NonNullable<SocketSettings['history']> = {},
  ) {
    const settings = { provider: 'memory', app: APP, gateway: { ...GATEWAY, ...gateway }, history } as const;
    const config = socketConfig({}, settings);
    const logger = {
      log: () => undefined,
      warn: () => undefined,
      error: (message: string) => this.errors.push(message),
    };
    this.events = new ChannelEventSource(logger);
    this.engine = new ChannelEngine(config, this.clock, logger, this.events, (node) => {
      const cluster: Cluster = new LocalCluster(node, config, this.clock, new MemoryLog(config, this.clock));
      if (hasSuccessor) cluster.retire = () => Promise.resolve(true);
      return changed(cluster);
    });
  }

  /** Whether a user is signed in on at least one connection. */
  async isOnline(userId: string): Promise<boolean> {
    return (await this.engine.online([userId])).has(userId);
  }

  /** A client that has been greeted; the greeting is in `greeting`, not in `hears()`. */
  connects(): EngineClient {
    return new EngineClient(this.engine, `${++this.#opened}.1`);
  }

  /** A client that is signed in. */
  signsIn(id: string, more: object = {}): EngineClient {
    const client = this.connects();
    client.signsIn({ id, ...more });
    client.hears();
    return client;
  }

  /** A client that is on a channel, with a good signature where it needs one. */
  joins(channel: string, channelData?: unknown): EngineClient {
    const client = this.connects();
    client.subscribes(channel, channelData);
    client.hears();
    return client;
  }
}

/** A client as the engine sees it, and the words for what it does. */
export class EngineClient implements Connection {
  readonly greeting: readonly HeardFrame[];
  /** The codes it was closed with, in order. */
  readonly closes: number[] = [];
  readonly #raw: Record<string, unknown>[] = [];
  readonly #session: Session;

  constructor(
    private readonly engine: ChannelEngine,
    readonly id: string,
  ) {
    this.#session = engine.open(this);
    this.greeting = this.hears();
  }

  send(frame: Frame): void {
    this.#raw.push(JSON.parse(frame.text) as Record<string, unknown>);
  }

  close(code: number): void {
    this.closes.push(code);
  }

  /** Sends a text frame as it is. */
  sends(text: string): void {
    this.engine.receive(this.#session, text);
  }

  /** Sends what is no text, as the gateway puts it. */
  sendsBinary(): void {
    this.engine.refuse(this.#session, BINARY);
  }

  /** Sends an event. */
  says(event: string, data?: unknown, more: object = {}): void {
    this.sends(JSON.stringify({ event, data, ...more }));
  }

  /** Subscribes with a good signature where the channel needs one. */
  subscribes(channel: string, channelData?: unknown): void {
    const auth = /^(private|presence)-/.test(channel)
      ? channelAuth(APP, this.id, channel, channelData)
      : { auth: '' };
    this.says('pusher:subscribe', { channel, ...auth });
  }

  unsubscribes(channel: string): void {
    this.says('pusher:unsubscribe', { channel });
  }

  /** Signs in with a good signature. */
  signsIn(userData: unknown): void {
    this.says('pusher:signin', userAuth(APP, this.id, userData));
  }

  /** Sends a client event. */
  triggers(channel: string, event: string, data: unknown = {}): void {
    this.says(event, data, { channel });
  }

  /** Its connection breaks. */
  isLost(): void {
    this.engine.connectionLost(this.#session);
  }

  /** The frames that it was sent since it was last asked, oldest first. */
  hears(): HeardFrame[] {
    return this.hearsRaw().map((frame) => ({ ...frame, data: decoded(frame['data']) }) as HeardFrame);
  }

  /** The same with the data as it is on the wire. */
  hearsRaw(): Record<string, unknown>[] {
    return this.#raw.splice(0);
  }
}

/** `pusher:error` with this code, whatever its words. */
export function anError(code: number | null): unknown {
  return {
    event: 'pusher:error',
    data: expect.objectContaining({ code, message: expect.any(String) as string }) as unknown,
  };
}

/** The answer to a subscription. */
export function succeeded(channel: string, data: unknown = {}): unknown {
  return { event: 'pusher_internal:subscription_succeeded', channel, data };
}

function decoded(data: unknown): unknown {
  if (typeof data !== 'string') return data;
  try {
    return JSON.parse(data) as unknown;
  } catch {
    return data;
  }
}
