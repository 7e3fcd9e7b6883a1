import 'reflect-metadata';
import { jest } from '@jest/globals';
import { ConsoleLogger, Logger, type Type } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { Test } from '@nestjs/testing';
import { SocketService } from 'nestjs-switchboard';
import { SocketFake, SocketTestingModule } from 'nestjs-switchboard/testing';
import { Registry } from 'prom-client';
import { startFake } from '../support/hosts.js';
import { usePage } from './support/page.js';
import { tableIn } from './support/table.js';

const page = usePage('docs/operations.md');

const table = (heading: string) => tableIn(page.text, heading);

/** The registered metrics, as the code has them. */
async function registered() {
  const registry = new Registry();
  const { app } = await startFake({ metrics: registry });
  const metrics = registry.getMetricsAsArray().map(({ name, type, help, ...rest }) => ({
    name,
    type: String(type),
    help,
    labels: (rest as unknown as { labelNames: string[] }).labelNames,
  }));
  await app.close();
  return metrics;
}

test('the table has exactly the metrics there are, each with its type, its labels and what to worry about', async () => {
  const rows = table('metric').map(([name, type, labels = '']) => [name, type, labels]);
  const metrics = (await registered()).map(({ name, type, labels }) => {
    expect(labels).toContain('provider');
    return [name, type, labels.filter((label) => label !== 'provider' && label !== 'le').join(', ')];
  });
  expect(rows.map(([name]) => name).sort()).toEqual(metrics.map(([name]) => name).sort());
  expect(rows).toEqual(expect.arrayContaining(metrics));
  for (const [name = '', , , meaning, worry] of table('metric')) {
    expect([name, meaning]).toEqual([name, expect.stringMatching(/\.$/)]);
    expect([name, worry]).toEqual([name, expect.stringMatching(/\.$/)]);
  }
});

test('metrics are named as Prometheus wants it', async () => {
  for (const { name, type, help } of await registered()) {
    expect([name, type === 'counter']).toEqual([name, name.endsWith('_total')]);
    if (type === 'histogram') expect(name).toMatch(/_seconds$/);
    expect(help).toMatch(/^[A-Z].*\.$/);
  }
});

test('the alerts ask for metrics that there are', async () => {
  const [, rules = ''] = /```yaml\n([\s\S]*?)```/.exec(page.text) ?? [];
  const asked = [...rules.matchAll(/switchboard_\w+/g)].map(([name]) => name.replace(/_bucket$/, ''));
  expect(asked.length).toBeGreaterThan(0);
  const names = (await registered()).map(({ name }) => name);
  expect(asked.filter((name) => !names.includes(name))).toEqual([]);
});

test('an application that copies the module serves its metrics', async () => {
  const { AppModule } = await page.run<{ AppModule: Type }>('app.module.ts');
  const builder = Test.createTestingModule({ imports: [AppModule, SocketTestingModule] });
  const app = (await builder.compile()).createNestApplication({ logger: false });
  await app.listen(0, '127.0.0.1');
  const response = await fetch(`${await app.getUrl()}/metrics`);
  expect(response.headers.get('content-type')).toBe(Registry.PROMETHEUS_CONTENT_TYPE);
  expect(await response.text()).toContain('switchboard_connections{provider="memory"} 0');
  await app.close();
});

test('an application that copies the controller serves its health', async () => {
  const { HealthController } = await page.run<{ HealthController: Type }>('health.controller.ts');
  const builder = Test.createTestingModule({
    imports: [SocketTestingModule.forRoot({ env: {} }), TerminusModule.forRoot({ logger: false })],
    controllers: [HealthController],
  });
  const app = (await builder.compile()).createNestApplication({ logger: false });
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  const statuses = async () => {
    const answers = await Promise.all(['ready', 'live'].map((path) => fetch(`${url}/health/${path}`)));
    return answers.map(({ status }) => status);
  };
  expect(await statuses()).toEqual([200, 200]);
  app.get(SocketFake).faults.goDown();
  expect(await statuses()).toEqual([503, 200]);
  await app.close();
});

test('a line of the log has the fields that the page shows', async () => {
  const [, shown = ''] = /```json\n([\s\S]*?)```/.exec(page.text) ?? [];
  const lines: string[] = [];
  const spy = jest.spyOn(process.stderr, 'write').mockImplementation((line) => lines.push(String(line)) > 0);
  const imports = [SocketTestingModule.forRoot({ env: {}, identify: () => null, failure: 'report' })];
  const logger = new ConsoleLogger({ json: true, logLevels: ['error'] });
  const app = (
    await Test.createTestingModule({ imports }).setLogger(logger).compile()
  ).createNestApplication();
  await app.init();
  app.get(SocketFake).faults.failNext();
  await app.get(SocketService).relayToMember('ada', 'ANNOUNCED', { message: 'x' });
  await app.close();
  spy.mockRestore();
  Logger.overrideLogger(false);
  expect(lines).toHaveLength(1);
  expect(shapeOf(JSON.parse(lines[0] ?? ''))).toEqual(shapeOf(JSON.parse(shown)));
});

/** The names in their order, and of what kind each is. */
function shapeOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return typeof value;
  return Object.entries(value).map(([name, inner]) => [name, shapeOf(inner)]);
}
