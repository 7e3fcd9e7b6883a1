/** The keys of the nodes' leases. Their commands depend only on time, and not on the work of a node. */
const LEASES = /:\{#\}:(?:nodes|heard|claims|reaped|resigned|swept)$/;

/**
 * The counted commands by name: those that nodes sent, and those that scripts ran.
 *
 * @typedef {{ sent: Record<string, number>, inScripts: Record<string, number>,
 *   leases: { sent: number, inScripts: number } }} Commands
 */

/**
 * Counts the commands that Redis runs, one by one. MONITOR shows which commands a script ran, and which belong to the leases; INFO
 * does not.
 */
export class CommandCount {
  /** @type {Commands} */
  #commands = { sent: {}, inScripts: {}, leases: { sent: 0, inScripts: 0 } };
  #monitor;
  #own;
  #isLease = false;
  #mark = '';
  #marked = () => undefined;

  /**
   * @param {import('ioredis').Redis} monitor
   * @param {string} own the address of the bench's own connection, whose commands are not counted
   */
  constructor(monitor, own) {
    this.#monitor = monitor;
    this.#own = own;
    monitor.on('monitor', (_time, args, source) => this.#count(args, source));
  }

  /** @param {import('ioredis').Redis} client */
  static async start(client) {
    const { localAddress, localPort } = /** @type {import('node:net').Socket} */ (client.stream);
    return new CommandCount(await client.monitor(), `${localAddress}:${localPort}`);
  }

  /**
   * @param {import('ioredis').Redis} client
   * @returns {Promise<Commands>}
   */
  async finish(client) {
    // MONITOR lists every earlier command before this one.
    const marked = new Promise((resolve) => (this.#marked = () => void resolve(undefined)));
    this.#mark = `mark ${Math.random()}`;
    await client.echo(this.#mark);
    await marked;
    this.#monitor.disconnect();
    return this.#commands;
  }

  /**
   * @param {string[]} args
   * @param {string} source an address, or `lua`
   */
  #count([name = '', ...values], source) {
    if (source === this.#own) {
      if (values[0] === this.#mark) this.#marked();
      return;
    }
    const isInScript = source === 'lua';
    // A script runs in one step, so MONITOR lists its commands right behind it.
    if (!isInScript) this.#isLease = values.slice(0, 3).some((value) => LEASES.test(value));
    const kind = isInScript ? 'inScripts' : 'sent';
    if (this.#isLease) {
      this.#commands.leases[kind]++;
      return;
    }
    const key = name.toLowerCase();
    this.#commands[kind][key] = (this.#commands[kind][key] ?? 0) + 1;
  }
}

/** @param {Record<string, number>} commands */
export const sumOf = (commands) => Object.values(commands).reduce((sum, calls) => sum + calls, 0);

/**
 * The number of commands that were sent, without subscriptions: a node sends several channels in one command, so their number
 * depends on the clients of the same moment.
 *
 * @param {Record<string, number>} sent
 */
export const steadyOf = ({ subscribe: _some, unsubscribe: _others, ...sent }) => sumOf(sent);

/**
 * Commands by name as one line, with their number for each event, the most frequent first.
 *
 * @param {Record<string, number>} commands
 * @param {number} each
 */
export function namesOf(commands, each) {
  return Object.entries(commands)
    .sort(([, one], [, other]) => other - one)
    .map(([name, calls]) => `${name} ${Number((calls / each).toFixed(2))}`)
    .join(', ');
}
