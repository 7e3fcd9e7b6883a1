import { parseArgs } from 'node:util';
import type { Environment } from '../config/settings.js';
import { socketConfig } from '../config/socket-config.js';
import { loadQueue } from '../delivery/index.js';
import type { DeadLetter, DeadLetters } from '../delivery/queue/dead-letters.js';
import { systemClock } from '../ports/clock.js';
import { messageOf, SocketConfigurationError } from '../ports/errors.js';
import { oneLine } from '../ports/logger.js';

/** The output of the command, line by line. */
export interface Output {
  out(line: string): void;
  err(line: string): void;
}

const USAGE = `Usage: switchboard dead-letters [list] [--json]
       switchboard dead-letters resend (<key> … | --all)
       switchboard dead-letters remove (<key> … | --all)

Dead letters are relays that failed for good, with SOCKET_DELIVERY=queue. "list" shows them, the oldest first, each with
its key. "resend" and "remove" take keys, or message ids. SOCKET_REDIS_URL and SOCKET_REDIS_PREFIX name the queue.`;

/** The variables that the command reads. */
const VARIABLES = [
  'SOCKET_REDIS_URL',
  'SOCKET_REDIS_PREFIX',
  'SOCKET_MAX_WAITING_RELAYS',
  'SOCKET_MAX_WAITING_BYTES',
  'SOCKET_MAX_DEAD_LETTERS',
] as const;

/** A line shows at most this many characters of a payload. */
const SHOWN_CHARACTERS = 120;

/**
 * The command `switchboard`. It never rejects.
 *
 * @param words the arguments of the command line
 * @returns the exit code: 0 when all was done, 1 when something failed, 2 when the arguments are wrong
 */
export async function main(words: readonly string[], env: Environment, output: Output): Promise<number> {
  const command = read(words);
  if (command === undefined) {
    output.err(USAGE);
    return 2;
  }
  if (command === 'help') {
    output.out(USAGE);
    return 0;
  }
  try {
    return await withDeadLetters(env, output, (letters) => perform(command, letters, output));
  } catch (error) {
    output.err(messageOf(error));
    return 1;
  }
}

interface Command {
  readonly action: 'list' | 'resend' | 'remove';
  readonly keys: readonly string[];
  readonly isAll: boolean;
  readonly isJson: boolean;
}

function read(words: readonly string[]): Command | 'help' | undefined {
  let parsed;
  try {
    parsed = parseArgs({
      args: [...words],
      allowPositionals: true,
      options: { all: { type: 'boolean' }, json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    });
  } catch {
    return undefined;
  }
  const { values, positionals } = parsed;
  const { all: isAll = false, json: isJson = false, help: isHelp = false } = values;
  if (isHelp) return 'help';
  const [subject, action = 'list', ...keys] = positionals;
  if (subject !== 'dead-letters') return undefined;
  if (action === 'list') return keys.length === 0 && !isAll ? { action, keys, isAll, isJson } : undefined;
  if (action !== 'resend' && action !== 'remove') return undefined;
  // Either keys or --all is needed, so that a mistake neither does nothing nor touches every letter.
  return !isJson && isAll === (keys.length === 0) ? { action, keys, isAll, isJson } : undefined;
}

async function withDeadLetters(
  env: Environment,
  output: Output,
  work: (letters: DeadLetters) => Promise<number>,
): Promise<number> {
  // Only the variables of the queue: this command may run where the provider's own are not set.
  const needed = VARIABLES.map((name) => [name, env[name]] as const);
  const { redis, delivery } = socketConfig({
    ...Object.fromEntries(needed),
    SOCKET_PROVIDER: 'memory',
    SOCKET_DELIVERY: 'queue',
  });
  if (redis.address === undefined)
    throw new SocketConfigurationError(['SOCKET_REDIS_URL: says where the queue is, like redis://host:6379']);
  const { recognizeCluster, RelayQueue } = await loadQueue();
  const address = await recognizeCluster(redis.address).catch((cause: unknown) => {
    throw new Error(`the queue cannot be reached: ${messageOf(cause)}`, { cause });
  });
  const queue = new RelayQueue(address, redis.prefix, delivery, systemClock, (reason) => {
    output.err(`Redis: ${reason}`);
  });
  try {
    return await queue.link.use(() => work(queue.deadLetters));
  } finally {
    await queue.close();
  }
}

async function perform(
  { action, keys, isAll, isJson }: Command,
  letters: DeadLetters,
  output: Output,
): Promise<number> {
  if (action === 'list') {
    let count = 0;
    for await (const letter of letters.all()) {
      output.out(isJson ? JSON.stringify(letter) : describe(letter));
      count++;
    }
    if (!isJson) output.out(`${count} dead letter(s)`);
    return 0;
  }
  // The keys are listed first: a letter that dies again meanwhile would otherwise be sent again for ever.
  const chosen = isAll ? await letters.keys() : await withMessageIds(keys, letters);
  const missing = action === 'remove' ? await letters.remove(chosen) : [];
  const problems = missing.map((key) => `There is no dead letter ${key}`);
  if (action === 'resend') {
    for (const key of chosen) {
      try {
        if (!(await letters.resend(key))) problems.push(`There is no dead letter ${key}`);
      } catch (error) {
        problems.push(messageOf(error));
      }
    }
  }
  for (const problem of problems) output.err(problem);
  const done = chosen.length - problems.length;
  output.out(`${done} dead letter(s) ${action === 'resend' ? 'sent again' : 'removed'}`);
  return problems.length === 0 ? 0 : 1;
}

/** Replaces each message id, which the log has, by the keys of all letters of that message. */
async function withMessageIds(words: readonly string[], letters: DeadLetters): Promise<readonly string[]> {
  if (words.every((word) => word.includes('@'))) return words;
  const all = await letters.keys();
  return words.flatMap((word) => {
    const found = all.filter((key) => key.startsWith(`${word}@`));
    return found.length > 0 ? found : [word];
  });
}

function describe({ key, lane, event, payload = '', reason, acceptedAt, diedAt }: DeadLetter): string {
  const shown = payload.length > SHOWN_CHARACTERS ? `${payload.slice(0, SHOWN_CHARACTERS)}…` : payload;
  return [
    key,
    `  ${event ?? 'disconnect'} to ${lane}${shown === '' ? '' : `: ${shown}`}`,
    `  accepted ${acceptedAt?.toISOString() ?? 'unknown'}, failed ${diedAt.toISOString()}`,
    `  ${reason}`,
  ]
    .map(oneLine)
    .join('\n');
}
