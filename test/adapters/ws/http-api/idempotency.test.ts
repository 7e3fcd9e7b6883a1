import { SocketService } from 'nestjs-switchboard';
import { eventually } from '../../../support/cluster/waiting.js';
import { Host } from '../../../support/host.js';
import { subscribed } from '../../../support/pusher-browser.js';
import { ask, signedUrl } from './support.js';

/** A gateway that keeps the events of some channels, and a client of its HTTP API. */
async function start() {
  const host = await Host.start({
    httpApi: { enabled: true },
    history: { channels: ['members', 'orders.{id}'] },
  });
  const { app, url } = host;
  const post = (resource: string, body: object) =>
    ask(`${url}${signedUrl(app, 'POST', `/apps/${app.id}${resource}`, { body })}`, 'POST', body);
  const kept = async (channel: string | { member: string }) => {
    const events = await host.nest.get(SocketService).history(channel);
    return events?.map(({ payload }) => payload);
  };
  return { host, post, kept };
}

const EVENT = { name: 'created', data: '1', channel: 'orders.7', idempotency_key: 'once' };

describe('An event with an idempotency_key', () => {
  test('comes once to a channel with history, and is answered with 200 again', async () => {
    const { host, post, kept } = await start();
    const ann = await host.browser('ann');
    const heard: unknown[] = [];
    ann.channel('orders.7').bind('created', (data: unknown) => heard.push(data));
    await subscribed(ann.channel('orders.7'));
    for (const data of ['1', '2', '3'])
      expect(await post('/events', { ...EVENT, data })).toMatchObject({ status: 200 });
    await post('/events', { ...EVENT, data: '4', idempotency_key: 'another' });
    expect(await kept('orders.7')).toEqual([1, 4]);
    await eventually(5_000, () => {
      expect(heard).toEqual([1, 4]);
    });
  });

  test('comes once to each channel of a list, in a batch too, and to a member', async () => {
    const { post, kept } = await start();
    const { channel: _, ...event } = EVENT;
    const own = '#server-to-user-ann';
    await post('/events', { ...event, channels: ['orders.1', 'orders.2', own] });
    await post('/events', { ...event, channels: ['orders.2', 'orders.3'] });
    await post('/batch_events', { batch: [EVENT, { ...EVENT, data: '2' }, { ...EVENT, channel: own }] });
    for (const channel of ['orders.1', 'orders.2', 'orders.3', 'orders.7', { member: 'ann' }])
      expect(await kept(channel)).toEqual([1]);
  });

  test('may have a key for each channel', async () => {
    const { post, kept } = await start();
    const { channel: _, ...event } = EVENT;
    const channels = ['orders.1', 'orders.2', 'orders.2'];
    await post('/events', { ...event, channels, idempotency_key: ['a', 'b', 'b'] });
    await post('/events', { ...event, channels: ['orders.1', 'orders.2'], idempotency_key: ['b', 'b'] });
    expect(await kept('orders.1')).toEqual([1, 1]);
    expect(await kept('orders.2')).toEqual([1]);
  });

  test('comes as often as it is sent to a channel without history', async () => {
    const { host, post } = await start();
    const ann = await host.browser('ann');
    let heard = 0;
    const twice = new Promise<void>((resolve) => {
      ann.channel('news').bind('created', () => {
        if (++heard === 2) resolve();
      });
    });
    await subscribed(ann.channel('news'));
    for (let call = 0; call < 2; call++) await post('/events', { ...EVENT, channel: 'news' });
    await twice;
  });

  test.each([
    ['a number', 7, 'it is not a text of 1 to 259 characters'],
    ['an empty text', '', 'it is not a text of 1 to 259 characters'],
    ['a long text', 'x'.repeat(260), 'it is not a text of 1 to 259 characters'],
    ['a list with something else', ['a', {}], 'it is not a text of 1 to 259 characters'],
    ['a list of another length', ['a'], 'it has 1 texts for 2 channels'],
  ])('is refused with 400 where the key is %s, and nothing is published', async (_, key, problem) => {
    const { post, kept } = await start();
    const { channel: __, ...event } = EVENT;
    const channels = ['orders.1', 'orders.2'];
    const answer = await post('/events', { ...event, channels, idempotency_key: key });
    expect(answer).toMatchObject({ status: 400, body: `"idempotency_key": ${problem}\n` });
    expect(await kept('orders.1')).toEqual([]);
  });

  test('names its place in a batch where the key is bad', async () => {
    const { post } = await start();
    const answer = await post('/batch_events', { batch: [EVENT, { ...EVENT, idempotency_key: false }] });
    expect(answer.body).toMatch(/^"batch\[1\]\.idempotency_key": it is not a text/);
  });
});
