import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type HttpApi, onTeardown } from '../../adapters/pusher/support.js';
import type { RedisServer } from '../../support/redis.js';

const SCRIPT = fileURLToPath(new URL('queue-process.mjs', import.meta.url));

/** The task of a process of its own. */
export interface ProcessTask {
  /** With 0 it only hands in. */
  readonly concurrency: number;
  /** How many relays it hands in. */
  readonly relays?: number;
  readonly member?: string;
  /** How long it waits for an answer of the provider. */
  readonly timeoutMs?: number;
}

/** An application of its own process. */
export class QueueProcess {
  /** The numbers that it was told are queued. */
  readonly queued: number[] = [];
  readonly errors: string[] = [];
  /** Resolves when it has handed in everything, or is dead. */
  readonly handedIn: Promise<void>;
  /** Resolves with the exit code and the signal. */
  readonly ended: Promise<[code: number | null, signal: NodeJS.Signals | null]>;

  private constructor(private readonly child: ChildProcess) {
    this.ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
    this.handedIn = new Promise((resolve) => {
      child.once('close', () => {
        resolve();
      });
      if (child.stdout === null || child.stderr === null) return;
      createInterface(child.stdout).on('line', (line) => {
        if (line.endsWith(' queued')) resolve();
        else this.queued.push(Number(line));
      });
      createInterface(child.stderr).on('line', (line) => this.errors.push(line));
    });
  }

  /** Starts one, and kills it after the test. */
  static start(
    redis: Pick<RedisServer, 'url'>,
    api: Pick<HttpApi, 'port'>,
    { concurrency, relays = 0, member = 'ada', timeoutMs = 2_000 }: ProcessTask,
  ): QueueProcess {
    const child = spawn(process.execPath, [SCRIPT], {
      env: {
        PATH: process.env['PATH'],
        QUEUE_REDIS_URL: redis.url,
        QUEUE_API_PORT: String(api.port),
        QUEUE_CONCURRENCY: String(concurrency),
        QUEUE_MEMBER: member,
        QUEUE_RELAYS: String(relays),
        QUEUE_TIMEOUT_MS: String(timeoutMs),
      },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const started = new QueueProcess(child);
    onTeardown(() => started.kill());
    return started;
  }

  /** Ends it on the spot. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }

  /** Any other signal. */
  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Asks it to close its application, and resolves with the exit code once it has ended by itself. */
  async close(): Promise<number | null> {
    this.child.stdin?.write('close\n');
    const [code] = await this.ended;
    return code;
  }
}
