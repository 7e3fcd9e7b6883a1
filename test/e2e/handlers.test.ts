import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

// Handlers of domain events run detached from whoever raised the event, so an exception there has no caller. Each case is a
// process of its own, because what is in question is whether it lives.

const SCRIPT = fileURLToPath(new URL('handlers/handler-process.mjs', import.meta.url));
const PROCESS_MS = 60_000;

async function run(library: string, failure: string, options: object = {}) {
  const child = spawn(process.execPath, [SCRIPT, library, failure, JSON.stringify(options)], {
    env: { PATH: process.env['PATH'], NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
}

const BUG = 'the handler has a bug';
const BAD_ID = 'Invalid member id ""';
const LOST = 'the connection broke';

const FAILURES = [
  { failure: 'throws', message: BUG },
  { failure: 'rejects', message: BUG },
  { failure: 'relays to an id that cannot be', message: BAD_ID },
  { failure: 'relays while the provider is down', message: LOST },
];

describe.each([
  { library: 'cqrs', logger: 'EventBus' },
  { library: 'event-emitter', logger: 'Event' },
])('a handler of @nestjs/$library', ({ library, logger }) => {
  test.each(FAILURES)(
    'that $failure neither ends the process nor goes unseen, and the next event is handled',
    async ({ failure, message }) => {
      const { code, output } = await run(library, failure);
      expect(output).toContain(message);
      expect(output).toContain(`[${logger}]`);
      expect(output).toContain('still relays: true');
      expect(code).toBe(0);
    },
    PROCESS_MS,
  );

  test(
    'does not fail at all while the provider is down, which is logged, unless SOCKET_FAILURE=throw',
    async () => {
      const { code, output } = await run(library, 'relays while the provider is down', { failure: 'report' });
      expect(output).toMatch(/\[SocketService\].* was lost: .*the connection broke/);
      expect(output).not.toContain(`[${logger}]`);
      expect(output).toContain('still relays: true');
      expect(code).toBe(0);
    },
    PROCESS_MS,
  );

  test(
    'that neither awaits nor returns a relay with a mistake in it ends the process, as the page warns',
    async () => {
      const { code, output } = await run(library, 'forgets to await such a relay');
      expect(output).toContain(BAD_ID);
      expect(code).toBe(1);
    },
    PROCESS_MS,
  );
});

test(
  'UnhandledExceptionBus of @nestjs/cqrs tells what a handler threw',
  async () => {
    const { output } = await run('cqrs', 'rejects');
    expect(output).toContain(`bus: ${BUG}`);
  },
  PROCESS_MS,
);

test(
  'emitAsync of @nestjs/event-emitter gives its caller what a handler without suppressErrors threw',
  async () => {
    const { code, output } = await run('event-emitter', 'rejects', {
      suppressErrors: false,
      isAwaited: true,
    });
    expect(output).toContain(`caller: ${BUG}`);
    expect(output).toContain('still relays: true');
    expect(code).toBe(0);
  },
  PROCESS_MS,
);

test.each([
  { library: 'cqrs', options: { rethrowUnhandled: true } },
  { library: 'event-emitter', options: { suppressErrors: false } },
])(
  'the process ends with @nestjs/$library and $options, as the page warns',
  async ({ library, options }) => {
    const { code, output } = await run(library, 'rejects', options);
    expect(output).toContain(BUG);
    expect(output).not.toContain('still relays');
    expect(code).toBe(1);
  },
  PROCESS_MS,
);
