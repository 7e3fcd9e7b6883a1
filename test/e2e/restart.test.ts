import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { connect } from 'nestjs-switchboard/browser';
import { DEVELOPMENT_APP } from '../../src/settings/app.js';
import { connected, plainPusher } from '../support/plain-pusher.js';
import { Pusher } from '../support/pusher-browser.js';
import { onTeardown } from '../support/teardown.js';

const SCRIPT = fileURLToPath(new URL('restart/backend.mjs', import.meta.url));
const TEST_MS = 90_000;
/** The two processes of one machine do not begin to listen, and do not answer, in the same millisecond. */
const SLACK_MS = 2_000;

type EndingSignal = 'SIGTERM' | 'SIGKILL';

/** A backend that has loaded everything, and listens when it is told to. */
class Backend {
  private constructor(
    private readonly child: ChildProcessByStdio<Writable, Readable, null>,
    private readonly lines: Interface,
  ) {}

  static async ready(): Promise<Backend> {
    const child = spawn(process.execPath, [SCRIPT], {
      env: { PATH: process.env['PATH'] },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    onTeardown(() => child.kill('SIGKILL'));
    const lines = createInterface(child.stdout);
    await once(lines, 'line');
    return new Backend(child, lines);
  }

  async listen(port: number): Promise<number> {
    this.child.stdin.write(`${port}\n`);
    const [line] = (await once(this.lines, 'line')) as [string];
    return Number(line);
  }

  async end(signal: EndingSignal): Promise<void> {
    const ended = once(this.child, 'close');
    this.child.kill(signal);
    await ended;
  }
}

function goes({ connection }: Pusher, state: string): Promise<void> {
  return new Promise((resolve) => {
    connection.bind(state, () => {
      resolve();
    });
  });
}

/** The milliseconds from the signal, and from the moment at which the backend is back. */
interface Absence {
  readonly total: number;
  readonly afterReturn: number;
}

/** Ends a backend with two pages, and starts another one on its port after so many milliseconds. */
async function restarted(signal: EndingSignal, awayMs: number): Promise<Record<'stock' | 'helper', Absence>> {
  const [first, second] = await Promise.all([Backend.ready(), Backend.ready()]);
  const port = await first.listen(0);
  const stock = plainPusher({ app: DEVELOPMENT_APP, port });
  await connected(stock);
  const helper = await connect(Pusher, { url: `http://127.0.0.1:${port}`, headers: { 'x-member': 'ada' } });
  onTeardown(() => {
    helper.disconnect();
  });
  const lost = [stock, helper.pusher].map((pusher) => goes(pusher, 'connecting'));
  const signalledAt = performance.now();
  const ended = first.end(signal);
  const back = Promise.all([delay(awayMs), ended]).then(async () => {
    await second.listen(port);
    return performance.now();
  });
  await Promise.all(lost);
  const moments = [stock, helper.pusher].map(async (pusher) => {
    await goes(pusher, 'connected');
    return performance.now();
  });
  const [backAt, stockAt = 0, helperAt = 0] = await Promise.all([back, ...moments]);
  const absence = (at: number): Absence => ({ total: at - signalledAt, afterReturn: at - backAt });
  return { stock: absence(stockAt), helper: absence(helperAt) };
}

/** The longest pause of the helper between two tries, after a backend has been away for so long. */
const HELPER_BOUND_MS = { 500: 2_000, 1_400: 3_000, 14_000: 10_000 } as const;

async function expectPagesBack(awayMs: keyof typeof HELPER_BOUND_MS): Promise<void> {
  const [asked, killed] = await Promise.all([restarted('SIGTERM', awayMs), restarted('SIGKILL', awayMs)]);
  if (process.env['SWITCHBOARD_SHOW_FIGURES'] !== undefined) {
    const rounded = (_: string, value: unknown) => (typeof value === 'number' ? Math.round(value) : value);
    process.stderr.write(`${JSON.stringify({ awayMs, asked, killed }, rounded)}\n`);
  }
  expect(asked.stock.total).toBeLessThan(killed.stock.total + SLACK_MS);
  for (const { helper } of [asked, killed])
    expect(helper.afterReturn).toBeLessThan(HELPER_BOUND_MS[awayMs] + SLACK_MS);
}

test(
  'after a SIGTERM pages are back as soon as after a SIGKILL, where the backend is back at once',
  () => expectPagesBack(500),
  TEST_MS,
);

test(
  'after a SIGTERM pages are back as soon as after a SIGKILL, and those of the helper soon after the backend',
  async () => {
    await Promise.all([expectPagesBack(1_400), expectPagesBack(14_000)]);
  },
  TEST_MS,
);
