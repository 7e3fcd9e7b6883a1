import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Instrument } from './instruments.js';
import { whenTestEnds } from './teardown.js';
import type { Workshop } from './workshop.js';

/** How a process ended: with an exit code, or by a signal. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** An application of the stranger, running as a process of its own. */
export class HostProcess {
  /** Everything it wrote so far, in the order of arrival. */
  output = '';
  readonly ended: Promise<Ending>;
  readonly #url: Promise<string | undefined>;

  private constructor(private readonly child: ChildProcess) {
    // Not `exit`: only with `close` has everything it wrote arrived.
    this.ended = once(child, 'close').then(() => ({ code: child.exitCode, signal: child.signalCode }));
    this.#url = new Promise((resolve) => {
      for (const stream of [child.stdout, child.stderr]) {
        stream?.setEncoding('utf8').on('data', (text: string) => {
          this.output += text;
          const url = /^Listening at (\S+)\n/m.exec(this.output)?.[1];
          if (url !== undefined) resolve(url);
        });
      }
      child.once('close', () => {
        resolve(undefined);
      });
    });
  }

  /** Starts one of the host's compiled programs with exactly this environment. It is gone when the test is over. */
  static start(
    { instruments }: Pick<Workshop, 'instruments'>,
    folder: string,
    environment: Readonly<Record<string, string>>,
    { program = 'main', watchedBy = [] }: { program?: string; watchedBy?: readonly Instrument[] } = {},
  ): HostProcess {
    const imports = watchedBy.map((name) => {
      return `--import=${pathToFileURL(join(instruments, `${name}.mjs`)).href}`;
    });
    const child = spawn(process.execPath, [...imports, `dist/${program}.js`], {
      cwd: folder,
      env: { PATH: process.env['PATH'], NO_COLOR: '1', PORT: '0', ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const host = new HostProcess(child);
    whenTestEnds(async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await host.ended;
    });
    return host;
  }

  /**
   * Waits until it serves.
   *
   * @returns its address
   */
  async listening(): Promise<string> {
    const url = await this.#url;
    if (url === undefined) throw new Error(`The host ended before it listened:\n${this.output}`);
    return url;
  }

  /** Asks it to end, as an operator does, and waits until it has. */
  end(): Promise<Ending> {
    const { pid } = this.child;
    if (pid === undefined) throw new Error('The host was never started');
    process.kill(pid, 'SIGTERM');
    return this.ended;
  }
}
