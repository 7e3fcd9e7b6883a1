import { Host } from './host.js';
import { engineOf } from './runtime-parts.js';

const NODES = globalThis.SWITCHBOARD_TEST_NODES ?? 1;

// A suite that runs again on two nodes shows nothing unless its clients are on both.
test(`clients of a host application are on ${NODES === 1 ? 'its only node' : `all its ${NODES} nodes`}`, async () => {
  const host = await Host.start();
  for (let client = 0; client < 2 * NODES; client++) {
    await host.raw().greeted();
    // Requests in between must not upset the turns that sockets take.
    expect((await fetch(`${host.url}/socket/config`)).status).toBe(200);
  }
  const engines = host.topology.runtimes.map(engineOf);
  expect(engines.map(({ connections }) => connections)).toEqual(Array(NODES).fill(2));
});

test('and still are after a restart', async () => {
  const host = await Host.start();
  const before = host.raw();
  await before.greeted();
  await host.topology.sendEverybodyAway();
  expect(await before.closed).toMatchObject({ code: 4200 });
  for (let client = 0; client < NODES; client++) await host.raw().greeted();
  const engines = host.topology.runtimes.map(engineOf);
  expect(engines.map(({ connections }) => connections)).toEqual(Array(NODES).fill(1));
});
