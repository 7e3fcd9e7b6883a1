import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ChannelEvent } from '../../../src/ports/channel-events.js';
import { onTeardown } from '../teardown.js';
import type { Accepted, NodeCommands, NodeMessage, NodeRequest, Report } from './node-protocol.js';
import { within } from './waiting.js';

const PROGRAM = fileURLToPath(new URL('./node-process.mjs', import.meta.url));
const START_MS = 60_000;
const CALL_MS = 30_000;
const EXIT_MS = 30_000;
const OUTPUT_CHARACTERS = 20_000;

/** The environment of a node: text by name. */
export type NodeSettings = Readonly<Record<string, string>>;

// A node that ends without having been told to fails the test it ended in.
const crashes: Error[] = [];
afterEach(() => {
  const crash = crashes.splice(0)[0];
  if (crash !== undefined) throw crash;
});

/** A node of the cluster: a real process, which can be killed, stalled and commanded. Killed after the test. */
export class ClusterNode {
  /** The events that `onChannelEvent` told on this node, and when. */
  readonly reports: Report[] = [];
  /** The accepted part of its steady traffic. */
  readonly relayed: Accepted[] = [];
  /** By socket id, when it began to send a connection away. */
  readonly sentAway = new Map<string, number>();
  /** The last lines that it wrote. */
  output = '';
  port = 0;
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown>;
  readonly #calls = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  #nextCall = 0;
  #isToEnd = false;
  #hasEnded = false;

  private constructor(kind: 'gateway' | 'publisher', settings: NodeSettings) {
    this.#child = fork(PROGRAM, [kind], {
      env: { PATH: process.env['PATH'], NO_COLOR: '1', ...settings },
      execArgv: ['--expose-gc', '--enable-source-maps'],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.output = (this.output + chunk.toString()).slice(-OUTPUT_CHARACTERS);
      });
    }
    this.#child.on('message', (message: NodeMessage) => {
      this.#handle(message);
    });
    this.#exit = once(this.#child, 'exit').then(([code, signal]) => {
      this.#hasEnded = true;
      const error = new Error(`A node ended with ${String(code ?? signal)}:\n${this.output}`);
      for (const { reject } of this.#calls.values()) reject(error);
      this.#calls.clear();
      if (!this.#isToEnd) crashes.push(error);
    });
  }

  /** Starts one and waits until it listens, or, as a publisher, is ready to publish. */
  static async start(
    settings: NodeSettings,
    kind: 'gateway' | 'publisher' = 'gateway',
  ): Promise<ClusterNode> {
    const node = new ClusterNode(kind, settings);
    onTeardown(() => node.kill());
    const ready = new Promise<number>((resolve) => {
      node.#child.on('message', (message: NodeMessage) => {
        if ('port' in message) resolve(message.port);
      });
    });
    const ended = node.#exit.then(() => {
      throw new Error(`A node did not start:\n${node.output}`);
    });
    ended.catch(() => undefined);
    node.port = await within(START_MS, 'the start of a node', Promise.race([ready, ended]));
    return node;
  }

  /** The events that `onChannelEvent` told on this node. */
  get channelEvents(): ChannelEvent[] {
    return this.reports.map(({ event }) => event);
  }

  get isAlive(): boolean {
    return !this.#hasEnded;
  }

  /** Has it do something, and returns what came of it. */
  async call<C extends keyof NodeCommands>(
    command: C,
    ...args: Parameters<NodeCommands[C]>
  ): Promise<ReturnType<NodeCommands[C]>> {
    const id = ++this.#nextCall;
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#calls.set(id, { resolve, reject });
      const request: NodeRequest = { id, command, args };
      this.#child.send(request, (error) => {
        if (error !== null) reject(error);
      });
    });
    return (await within(CALL_MS, command, answer)) as ReturnType<NodeCommands[C]>;
  }

  /** Ends it without a warning: SIGKILL. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /** Asks it to end, as a deployment does: SIGTERM. */
  terminate(): Promise<void> {
    return this.#end('SIGTERM');
  }

  /** Closes the application and lets the process end by itself, as it must when nothing is left open. */
  async close(): Promise<void> {
    this.#isToEnd = true;
    await this.call('close');
    await within(EXIT_MS, 'the end of a closed node', this.#exit);
  }

  /** Stops it where it is, as an overloaded machine would, with its connections open. */
  stall(): void {
    this.#child.kill('SIGSTOP');
  }

  /** Lets it go on. */
  resume(): void {
    this.#child.kill('SIGCONT');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    this.#isToEnd = true;
    if (this.#hasEnded) return;
    this.#child.kill(signal);
    await within(EXIT_MS, `the end of a node by ${signal}`, this.#exit);
  }

  #handle(message: NodeMessage): void {
    if ('heard' in message) this.reports.push({ event: message.heard, at: message.at });
    if ('relayed' in message) this.relayed.push(...message.relayed);
    if ('sentAway' in message) for (const [id, at] of message.sentAway) this.sentAway.set(id, at);
    if (!('id' in message)) return;
    const call = this.#calls.get(message.id);
    this.#calls.delete(message.id);
    if ('error' in message) call?.reject(new Error(message.error));
    else call?.resolve(message.result);
  }
}

/** Starts so many nodes at once. */
export function startNodes(count: number, settings: NodeSettings): Promise<ClusterNode[]> {
  return Promise.all(Array.from({ length: count }, () => ClusterNode.start(settings)));
}
