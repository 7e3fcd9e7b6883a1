import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

export interface Output {
  readonly stdout: string;
  readonly stderr: string;
}

/** On a slow line npm may take its time, but not forever. */
const TIMEOUT_MS = 240_000;

/** Runs a program to its end. Rejects with all it wrote when it does not end well. */
export async function run(program: string, args: readonly string[], cwd: string): Promise<Output> {
  try {
    return await promisify(execFile)(program, args, { cwd, timeout: TIMEOUT_MS });
  } catch (cause) {
    const { stdout, stderr } = cause as Output;
    throw new Error(`${program} ${args.join(' ')} failed in ${cwd}:\n${stdout}${stderr}`, { cause });
  }
}
