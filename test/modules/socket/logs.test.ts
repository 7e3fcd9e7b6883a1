import 'reflect-metadata';
import { jest } from '@jest/globals';
import { ConsoleLogger, type ConsoleLoggerOptions, Logger, type LoggerService } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { SocketModule, type SocketModuleOptions, SocketService } from 'nestjs-switchboard';
import { SocketFake, SocketTestingModule } from 'nestjs-switchboard/testing';
import { APP, gate, HttpApi, onTeardown } from '../../adapters/pusher/support.js';

const TICK = { from: 'alan', text: 'between us' };

/** Collects the lines that Nest's own logger writes from now on. */
function written(): string[] {
  const lines: string[] = [];
  const write = (chunk: unknown) => lines.push(...String(chunk).trimEnd().split('\n')) > 0;
  const spies = [process.stdout, process.stderr].map((stream) =>
    jest.spyOn(stream, 'write').mockImplementation(write),
  );
  onTeardown(() => {
    for (const spy of spies) spy.mockRestore();
  });
  return lines;
}

/** Starts an application over the fake that logs as this says. */
async function startFake(logger: LoggerService, options: SocketModuleOptions = {}) {
  const lines = written();
  const imports = [
    SocketTestingModule.forRoot({ env: {}, identify: () => null, failure: 'report', ...options }),
  ];
  const app = (
    await Test.createTestingModule({ imports }).setLogger(logger).compile()
  ).createNestApplication();
  onTeardown(async () => {
    await app.close();
    Logger.overrideLogger(false);
  });
  await app.init();
  // Nest writes lines of its own at its start.
  lines.length = 0;
  return { service: app.get(SocketService), fake: app.get(SocketFake), lines };
}

const json = (options: ConsoleLoggerOptions = {}) => new ConsoleLogger({ json: true, ...options });
const aboutRelays = (lines: readonly string[]) =>
  lines
    .filter((line) => line.includes('"context":"SocketService"'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('the log as JSON', () => {
  test('has one line at debug for a relay that is sent, with the id of its receipt and the facts as fields', async () => {
    const { service, lines } = await startFake(json());
    const { id } = await service.relayToMember('ada', 'MEMBER_MESSAGED', TICK);
    expect(aboutRelays(lines)).toEqual([
      expect.objectContaining({
        level: 'debug',
        message: `Relay ${id} (MEMBER_MESSAGED) was sent`,
        params: {
          id,
          event: 'MEMBER_MESSAGED',
          kind: 'member',
          provider: 'memory',
          outcome: 'sent',
          attempts: 1,
          milliseconds: expect.any(Number) as number,
        },
      }),
    ]);
    expect(lines.join()).not.toContain('between us');
  });

  test('has one line at error for a relay that is lost', async () => {
    const { service, fake, lines } = await startFake(json());
    fake.faults.failNext();
    const { id } = await service.disconnectMember('ada');
    expect(aboutRelays(lines)).toMatchObject([
      {
        level: 'error',
        params: { id, kind: 'disconnect', outcome: 'failed', attempts: 1, code: 'PROVIDER_UNAVAILABLE' },
      },
    ]);
    expect(aboutRelays(lines)[0]?.['params']).not.toHaveProperty('event');
  });

  test('has one id from the call to the provider: queued, waiting, and sent after two attempts', async () => {
    let left = 1;
    const api = await HttpApi.start(() => (left-- > 0 ? { status: 503 } : undefined));
    const module = SocketModule.forRoot({
      env: {},
      provider: 'pusher',
      app: APP,
      pusher: { host: '127.0.0.1', port: api.port, scheme: 'http' },
      identify: () => null,
    });
    const lines = written();
    const builder = Test.createTestingModule({ imports: [module] }).setLogger(json());
    const app = (await builder.compile()).createNestApplication();
    onTeardown(async () => {
      await app.close();
      Logger.overrideLogger(false);
    });
    await app.init();
    const service = app.get(SocketService);
    const { id } = await service.relayToMember('ada', 'MEMBER_MESSAGED', TICK);
    while (service.relays.queued > 0) await new Promise((resolve) => setImmediate(resolve));
    const told = aboutRelays(lines).map(({ level, params }) => ({ level, ...(params as object) }));
    expect(told).toMatchObject([
      { level: 'warn', id, outcome: 'queued', attempts: 1, code: 'PROVIDER_UNAVAILABLE' },
      { level: 'debug', id, outcome: 'queued' },
      { level: 'debug', id, outcome: 'sent', attempts: 2 },
    ]);
  });

  test('has one line at warn for what is made after a rollback', async () => {
    const { service, lines } = await startFake(json());
    const held = gate();
    let late: Promise<unknown> | undefined;
    const transaction = service.afterCommit(async () => {
      late = held.opened.then(() => service.broadcast('ANNOUNCED', { message: 'x' }));
      throw new Error('rolled back');
    });
    await expect(transaction).rejects.toThrow('rolled back');
    held.open();
    const { id } = (await late) as { id: string };
    expect(aboutRelays(lines)).toMatchObject([
      { level: 'warn', params: { id, event: 'ANNOUNCED', kind: 'broadcast', outcome: 'dropped' } },
    ]);
  });

  test('says nothing of what is sent where debug is off, and does not put it together either', async () => {
    const { service, lines } = await startFake(json({ logLevels: ['log', 'warn', 'error'] }));
    const debug = jest.spyOn(Logger.prototype, 'debug');
    onTeardown(() => {
      debug.mockRestore();
    });
    await service.relayToMember('ada', 'MEMBER_MESSAGED', TICK);
    expect(lines).toEqual([]);
    expect(debug).not.toHaveBeenCalled();
  });
});

describe('the log as text', () => {
  test('has the words first, then the same facts on the same line', async () => {
    const { service, lines } = await startFake(new ConsoleLogger({ colors: false }));
    const { id } = await service.relayToMember('ada', 'MEMBER_MESSAGED', TICK);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(
      `DEBUG [SocketService] Relay ${id} (MEMBER_MESSAGED) was sent { id: '${id}', `,
    );
  });

  test.each([
    ['a line break', '\n', String.raw`\n`],
    ['a carriage return', '\r', String.raw`\r`],
    ['an escape sequence', '\u001b[2K', String.raw`\u001b[2K`],
    ['a line separator', '\u2028', String.raw`\u2028`],
    ['a turn of direction', '\u202e', String.raw`\u202e`],
  ])("keeps %s in an event's name and in a provider's answer on its line", async (_, character, escaped) => {
    const { service, fake, lines } = await startFake(new ConsoleLogger({ colors: false }));
    const event = `A${character}[Nest] 1 ERROR forged`;
    await service.relayToMember('ada', event as 'MEMBER_MESSAGED', TICK);
    fake.faults.rejectNext(`no${character}answer`);
    await service.relayToMember('ada', event as 'MEMBER_MESSAGED', TICK);
    expect(lines).toHaveLength(2);
    for (const line of lines) {
      expect(line).toMatch(/^\[Nest\]/);
      expect(line).not.toContain(character);
      expect(line).toContain(`(A${escaped}[Nest] 1 ERROR forged)`);
    }
  });
});

test('a message from inside the library is on one line too, whoever wrote parts of it', async () => {
  const { service, fake, lines } = await startFake(new ConsoleLogger({ colors: false }));
  service.onChannelEvent('channel_occupied', () => {
    throw new Error('two\nlines');
  });
  await fake.connect('ada');
  await fake.settled();
  expect(lines).toContainEqual(expect.stringContaining(String.raw`channel_occupied: Error: two\nlines`));
  for (const line of lines) expect(line).toMatch(/^\[Nest\]/);
});
