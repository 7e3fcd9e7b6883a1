import { startReferenceBackend } from '../support/reference-backend.js';
import { onTeardown } from '../support/teardown.js';

test('the reference backend serves its metrics, and health for a load balancer and for whoever restarts it', async () => {
  const backend = await startReferenceBackend({ SOCKET_PROVIDER: 'ws' });
  onTeardown(() => backend.close());
  const response = await fetch(`${backend.url}/metrics`);
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(await response.text()).toContain('switchboard_connections{provider="ws"} 0');
  expect(await backend.call('GET', '/health')).toMatchObject({ status: 200, body: { status: 'up' } });
  for (const path of ['/health/ready', '/health/live']) {
    expect(await backend.call('GET', path)).toMatchObject({
      status: 200,
      body: { status: 'ok', details: { socket: { status: 'up', provider: 'ws' } } },
    });
  }
});
