import { openBrowser, type PusherBrowser } from '../support/pusher-browser.js';
import { type SocketApp, startSocketApp } from '../support/socket-app.js';

const app = { id: 'app-1', key: 'key-1', secret: 'secret-1' };

// As in the contract suite: the real SDK, a Pusher played by our own gateway, and the real pusher-js.
describe('a batch of relays through the pusher adapter', () => {
  let pusher: SocketApp;
  let backend: SocketApp;
  const browsers: PusherBrowser[] = [];

  beforeAll(async () => {
    pusher = await startSocketApp({ provider: 'ws', app, httpApi: { enabled: true } });
    const { port } = pusher;
    backend = await startSocketApp({
      provider: 'pusher',
      app,
      pusher: { host: '127.0.0.1', port, scheme: 'http', wsHost: '127.0.0.1', wsPort: port },
    });
    for (let index = 0; index < 12; index++) browsers.push(await openBrowser(backend.url, `m${index}`));
  });

  afterAll(async () => {
    for (const browser of browsers) browser.leave();
    await backend.close();
    await pusher.close();
  });

  test('reaches every browser as if each relay had left alone, in its order', async () => {
    const { client } = backend;
    const calls = browsers.flatMap((_, index) => [
      client.relayToMember(`m${index}`, 'OWN', { index }),
      client.relayToMember(`m${index}`, 'SHARED', 'the same for all'),
      client.relayToMember(`m${index}`, 'OWN', { index, again: true }),
    ]);
    await Promise.all([...calls, client.broadcast('ALL', 1)]);

    for (const [index, browser] of browsers.entries()) {
      const heard = [];
      for (let count = 0; count < 4; count++) heard.push(await browser.next());
      // A broadcast goes over another channel, so it has no place among these.
      expect(heard.filter(({ event }) => event !== 'ALL')).toEqual([
        { event: 'OWN', payload: { index } },
        { event: 'SHARED', payload: 'the same for all' },
        { event: 'OWN', payload: { index, again: true } },
      ]);
      expect(heard.filter(({ event }) => event === 'ALL')).toEqual([{ event: 'ALL', payload: 1 }]);
    }
  });

  test('loses of a batch only what the gateway refuses', async () => {
    const { client } = backend;
    const outcomes = await Promise.allSettled(
      browsers.map((_, index) => client.relayToMember(`m${index}`, index === 3 ? '' : `E${index}`, index)),
    );

    expect(outcomes.map(({ status }) => status === 'fulfilled')).toEqual(
      browsers.map((_, index) => index !== 3),
    );
    for (const [index, browser] of browsers.entries()) {
      if (index !== 3) expect(await browser.next()).toEqual({ event: `E${index}`, payload: index });
    }
  });
});
