// The types of redis-process.mjs for the tests; the docblocks there have the promises.
import type { ChildProcess } from 'node:child_process';

export declare const HOW_TO_INSTALL_REDIS: string;

export interface RedisProcess {
  readonly child: ChildProcess;
  readonly port: number;
  /** The arguments of `redis-server`. */
  readonly args: readonly string[];
  /** Resolves when the process has ended and its guard has removed the folder. */
  readonly ended: Promise<void>;
}

export declare function redisBinary(path?: string): string | undefined;
export declare function nginxBinary(path?: string): string | undefined;
export declare function onPath(name: string, path?: string): string | undefined;
export declare function likelyFreePort(): number;
export declare function startRedisProcess(
  argsFor: (port: number) => readonly string[],
  options?: { port?: number; folder?: string; onLine?: (line: string) => void },
): Promise<RedisProcess>;
export declare function endWithThisProcess(child: ChildProcess, folder?: string): Promise<void>;
