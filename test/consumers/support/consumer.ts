import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HostProcess } from '../../e2e/embedding/host-process.js';
import { whenSuiteEnds } from '../../e2e/embedding/teardown.js';
import { writeFiles } from '../../e2e/embedding/workshop.js';

/** The part of a package.json that a test edits. */
export interface Manifest {
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
}

interface Step {
  readonly step: string;
  readonly seconds: number;
}

/** A project of a stranger's, in a folder outside this one. Everything it does is timed. */
export class Consumer {
  constructor(
    readonly name: string,
    readonly folder: string,
    /** The folder of the instruments that watch the application. */
    readonly instruments: string,
    /** What each step took, in the order of their ends. */
    readonly steps: Step[] = [],
  ) {}

  /** The seconds of each step, and of all. */
  table(): string {
    const all = this.steps.reduce((sum, { seconds }) => sum + seconds, 0);
    return [...this.steps, { step: 'all', seconds: all }]
      .map(({ step, seconds }) => `${this.name}  ${step.padEnd(32)} ${seconds.toFixed(1).padStart(6)} s`)
      .join('\n');
  }

  /** Runs a command as a user's shell does, or a script of the package.json. Rejects with everything it wrote when it fails. */
  async run(step: string, command: string): Promise<string> {
    const start = performance.now();
    const [program = '', ...args] = command.split(' ');
    const child = spawn(program, args, {
      cwd: this.folder,
      // As in the scripts of a package.json. npx would look for the program first.
      env: {
        PATH: `${this.folder}/node_modules/.bin:${process.env['PATH'] ?? ''}`,
        HOME: process.env['HOME'],
        CI: '1',
        NO_COLOR: '1',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      // npx, npm and the test runners have processes of their own. As a group, all of them can be ended.
      detached: true,
    });
    let running = true;
    whenSuiteEnds(() => {
      if (running && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    await once(child, 'close');
    running = false;
    this.steps.push({ step, seconds: (performance.now() - start) / 1000 });
    if (child.exitCode !== 0)
      throw new Error(`${this.name}: ${command} failed in ${this.folder}:\n${output}`);
    return output;
  }

  /** Writes files of the project. */
  write(files: Readonly<Record<string, string>>): Promise<void> {
    return writeFiles(this.folder, files);
  }

  read(path: string): Promise<string> {
    return readFile(join(this.folder, path), 'utf8');
  }

  /** Starts the built application. It is gone when the test is over. */
  async start(environment: Readonly<Record<string, string>> = {}, program = 'main'): Promise<string> {
    const host = HostProcess.start({ instruments: this.instruments }, this.folder, environment, {
      program,
      watchedBy: ['tell-address'],
    });
    return host.listening();
  }
}
