import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis, type RedisOptions } from 'ioredis';
import { type RedisProcess, startRedisProcess } from '../../scripts/redis-process.mjs';
import { type Lifetime, onTeardownOf } from './redis-teardown.js';

/** The options of an ioredis client, whose replies stay in the shapes that it has by default. */
export type ClientOptions = Omit<RedisOptions, 'replyMapping'>;

/**
 * The options that every test's client starts from. ioredis keeps a timer for two seconds when it is told to leave a
 * connection that is lost already, and the tests' process would wait for it.
 */
export const LEAVE_AT_ONCE = { disconnectTimeout: 0 } as const satisfies ClientOptions;

/** How to start a Redis. */
export interface StartRedisOptions {
  /**
   * When it is ended and its clients are disconnected: after the test that started it, or after the file, for one that
   * `beforeAll` starts. A hook that has to run before that can be registered with `onTeardownOf('file', …)`.
   *
   * @default 'test'
   */
  readonly until?: Lifetime;
  /** Further arguments of `redis-server`. */
  readonly args?: readonly string[];
}

/** The differences of a variant. */
export interface RedisLaunch {
  /** All arguments, for a port and the server's own folder. */
  readonly args: (port: number, folder: string) => readonly string[];
  /** Where clients find it. */
  readonly url: (port: number) => string;
  /** The options that clients need besides the URL. */
  readonly client?: ClientOptions;
}

/** The arguments of every server: the loopback interface only, nothing saved. */
export function standingArgs(folder: string): readonly string[] {
  return ['--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder];
}

/** Starts an empty Redis on a free port, and resolves when it answers. */
export function startRedis({ until, args = [] }: StartRedisOptions = {}): Promise<RedisServer> {
  return RedisServer.start(
    {
      args: (port, folder) => [...standingArgs(folder), '--port', String(port), ...args],
      url: (port) => `redis://127.0.0.1:${port}`,
    },
    until,
  );
}

/** A real `redis-server` (or `valkey-server`), as a child process that never outlives this one. */
export class RedisServer {
  readonly #clients = new Set<Redis>();
  #process: RedisProcess | undefined;
  #args: readonly string[] = [];
  #port = 0;

  private constructor(
    private readonly launch: RedisLaunch,
    /** Its own folder, gone after the test. */
    readonly folder: string,
  ) {}

  /** Starts a variant; {@link startRedis} is the plain one. */
  static async start(launch: RedisLaunch, until: Lifetime = 'test'): Promise<RedisServer> {
    const server = new RedisServer(launch, await mkdtemp(join(tmpdir(), 'switchboard-redis-')));
    onTeardownOf(until, () => server.#release());
    await server.#run((port) => launch.args(port, server.folder));
    return server;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return this.launch.url(this.#port);
  }

  /** Another one after every restart. */
  get pid(): number {
    const pid = this.#process?.child.pid;
    if (pid === undefined) throw new Error('This Redis is stopped: it has no process.');
    return pid;
  }

  /** Kills it, paused or not. Resolves when the process is gone; {@link restart} brings it back. */
  async stop(): Promise<void> {
    const { child, ended } = this.#process ?? {};
    this.#process = undefined;
    child?.kill('SIGKILL');
    await ended;
  }

  /** Kills it, unless it is stopped already, and starts it on the same port, empty. Resolves when it answers. */
  async restart(): Promise<void> {
    await this.stop();
    await this.#run(() => this.#args, this.#port);
  }

  /** Stops the process where it is (SIGSTOP): its connections stay open, and nothing is answered. */
  pause(): void {
    process.kill(this.pid, 'SIGSTOP');
  }

  /** Lets it go on. */
  resume(): void {
    process.kill(this.pid, 'SIGCONT');
  }

  /** A plain client, connecting by itself, for the test's own questions. Disconnected at the server's teardown. */
  client(options: ClientOptions = {}): Redis {
    const client = new Redis(this.url, { ...LEAVE_AT_ONCE, ...this.launch.client, ...options });
    // A lost connection is told to whoever has a command waiting; without a listener it would be printed too.
    client.on('error', () => undefined);
    this.#clients.add(client);
    return client;
  }

  /**
   * How many commands it has processed since it was started, by kind (`publish`, `evalsha`, `client|setinfo`), those of
   * scripts included; and `ping`, `info` and the like of this helper too.
   */
  async commands(): Promise<Readonly<Record<string, number>>> {
    const stats = await this.#ask((client) => client.info('commandstats'));
    const counts = stats.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm);
    return Object.fromEntries([...counts].map(([, kind, calls]) => [String(kind), Number(calls)]));
  }

  async #run(argsFor: (port: number) => readonly string[], port?: number): Promise<void> {
    const started = await startRedisProcess(argsFor, {
      folder: this.folder,
      ...(port !== undefined && { port }),
    });
    this.#process = started;
    this.#args = started.args;
    this.#port = started.port;
    await this.#ask((client) => client.ping());
  }

  async #ask<T>(question: (client: Redis) => Promise<T>): Promise<T> {
    const client = this.client({ lazyConnect: true, retryStrategy: () => null });
    try {
      await client.connect();
      return await question(client);
    } finally {
      client.disconnect();
      this.#clients.delete(client);
    }
  }

  async #release(): Promise<void> {
    for (const client of this.#clients) client.disconnect();
    await this.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}
