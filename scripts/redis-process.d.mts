// What redis-process.mjs has for the tests, which are TypeScript; the promises are told there.
import type { ChildProcess } from 'node:child_process';

export declare const HOW_TO_INSTALL_REDIS: string;

export interface RedisProcess {
  readonly child: ChildProcess;
  readonly port: number;
  /** What it was called with. */
  readonly args: readonly string[];
  /** Resolves when it is gone, and nothing of it is left. */
  readonly ended: Promise<void>;
}

export declare function redisBinary(path?: string): string | undefined;
export declare function onPath(name: string, path?: string): string | undefined;
export declare function likelyFreePort(): number;
export declare function startRedisProcess(
  argsFor: (port: number) => readonly string[],
  options?: { port?: number; folder?: string; onLine?: (line: string) => void },
): Promise<RedisProcess>;
export declare function endWithThisProcess(child: ChildProcess, folder?: string): Promise<void>;
