import { ConsoleLogger, Logger } from '@nestjs/common';
import { SubscribeMessage, WsException } from '@nestjs/websockets';
import { SocketHandlers } from 'nestjs-switchboard';
import { logged, startFake } from '../../../support/hosts.js';
import { onTeardown } from '../../../support/teardown.js';
import { Scrape } from '../metrics/support.js';

const MEMORY = 'provider="memory"';

@SocketHandlers()
class CountedHandlers {
  @SubscribeMessage('DONE')
  done(): void {
    // Counted as handled.
  }

  @SubscribeMessage('REFUSES')
  refuses(): never {
    throw new WsException('no');
  }

  @SubscribeMessage('FAILS')
  fails(): never {
    throw new Error('a bug');
  }

  @SubscribeMessage('HANGS')
  hangs(): Promise<never> {
    return new Promise(() => undefined);
  }
}

async function start() {
  const scrape = new Scrape();
  const options = { metrics: scrape.registry, handlers: { limits: { messagesPerSecond: 6 } } };
  const { fake } = await startFake(options, { providers: [CountedHandlers] });
  return { fake, scrape, ada: await fake.connect('ada') };
}

test('Each message is counted by what became of it, from 0 on, and those of handlers with their durations', async () => {
  logged('error');
  logged('warn');
  const { fake, scrape, ada } = await start();
  const handled = (outcome: string) =>
    scrape.value(`switchboard_handler_messages_total{${MEMORY},outcome="${outcome}"}`);
  const refused = (reason: string) =>
    scrape.value(`switchboard_handler_messages_refused_total{${MEMORY},reason="${reason}"}`);
  const OUTCOMES = ['handled', 'refused', 'failed', 'timed_out'];
  expect(await Promise.all(OUTCOMES.map(handled))).toEqual([0, 0, 0, 0]);

  for (const event of ['DONE', 'DONE', 'REFUSES', 'FAILS', 'NO_SUCH'])
    await ada.send(event).catch(() => undefined);
  const hangs = ada.send('HANGS').catch(() => undefined);
  await ada.send('DONE').catch(() => undefined);
  await fake.settled();
  fake.advance(10_001);
  await hangs;
  expect(await Promise.all(OUTCOMES.map(handled))).toEqual([2, 1, 1, 1]);
  expect(await Promise.all(['UNKNOWN_EVENT', 'TOO_MANY', 'TOO_LARGE'].map(refused))).toEqual([1, 1, 0]);
  expect(await scrape.value(`switchboard_handler_duration_seconds_count{${MEMORY}}`)).toBe(5);
  expect(await scrape.value(`switchboard_handler_duration_seconds_bucket{le="5",${MEMORY}}`)).toBe(4);
  expect(await scrape.value(`switchboard_handler_duration_seconds_bucket{le="30",${MEMORY}}`)).toBe(5);
});

test('A line of the level debug says what became of a message, with the id that the handler knows it by', async () => {
  const { lines } = logged('debug');
  const { ada } = await start();
  Logger.overrideLogger(new ConsoleLogger({ logLevels: ['debug'] }));
  onTeardown(() => {
    Logger.overrideLogger(false);
  });
  await ada.send('DONE');
  await expect(ada.send('REFUSES')).rejects.toThrow('no');
  expect(lines).toEqual([
    expect.stringMatching(/^Message [0-9a-f-]{36} \(DONE\) was handled$/),
    expect.stringMatching(/^Message [0-9a-f-]{36} \(REFUSES\) was refused: /),
  ]);
});
