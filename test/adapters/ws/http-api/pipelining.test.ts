import { get, PipeliningClient, Turns } from '../../../http/pipelined.js';
import { Api, APP } from './support.js';

/** A request whose signature is wrong: a stranger can send it. */
const STRANGERS = `/apps/${APP.id}/channels?auth_key=${APP.key}&auth_timestamp=1&auth_version=1.0&auth_signature=00`;

/** Counts the requests of each connection that the API begins to answer in one turn. */
function countTurns(api: Api): Turns {
  const turns = new Turns();
  const channelInfo = api.session.engine.channelInfo.bind(api.session.engine);
  api.session.engine.channelInfo = (name) => {
    turns.count(name);
    return channelInfo(name);
  };
  return turns;
}

describe('Requests that a client pipelines', () => {
  test('are answered one in a turn of the event loop, each connection’s in their order', async () => {
    const api = await Api.start();
    const turns = countTurns(api);
    const names = ['a', 'b', 'c'];
    const clients = await Promise.all(names.map(() => PipeliningClient.connect(api.port)));
    for (const [index, { socket }] of clients.entries()) {
      socket.write((get(api.signed('GET', `/channels/${names[index]}`)) + get('/elsewhere')).repeat(100));
    }
    for (const client of clients) {
      const statuses = (await client.answers(200)).map(({ status }) => status);
      expect(statuses).toEqual(Array.from({ length: 200 }, (_, index) => (index % 2 === 0 ? 200 : 418)));
    }
    // Two turns of the API may be in one of this test's.
    expect(turns.most).toBeLessThanOrEqual(2);
  });

  test('are no more than SOCKET_MAX_PIPELINED_REQUESTS: the next is refused with 503, and the connection closed', async () => {
    const api = await Api.start({ pipelinedRequests: 20 });
    const client = await PipeliningClient.connect(api.port);
    client.socket.write(get(STRANGERS).repeat(10_000));
    const answers = await client.answers(10_000);
    const last = answers.at(-1);
    expect(last).toMatchObject({ status: 503, closes: true });
    expect(last?.body).toContain('More than 20 requests wait');
    expect(answers.length).toBeGreaterThanOrEqual(20);
    expect(answers.length).toBeLessThan(100);
    expect(answers.slice(0, -1).every(({ status, closes }) => status === 401 && !closes)).toBe(true);
    // Everybody else is served.
    expect((await api.get('/channels')).status).toBe(200);
  });

  test('wait in any number where the limit is switched off', async () => {
    const api = await Api.start({ pipelinedRequests: 0 });
    const client = await PipeliningClient.connect(api.port);
    client.socket.write(get(STRANGERS).repeat(1_000));
    const answers = await client.answers(1_000);
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 1_000 }, () => 401));
  });

  test('publish all of their events, in their order, although the client waits for no answer', async () => {
    const api = await Api.start();
    const client = await PipeliningClient.connect(api.port);
    const member = api.session.joins('orders');
    const event = (data: string) => {
      const body = JSON.stringify({ name: 'created', channel: 'orders', data });
      const head = get(api.signed('POST', '/events', { body })).replace('GET', 'POST');
      return head.replace('\r\n\r\n', `\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    };
    const numbers = Array.from({ length: 50 }, (_, index) => String(index));
    client.socket.write(numbers.map(event).join(''));
    const answers = await client.answers(numbers.length);
    expect(answers.map(({ status }) => status)).toEqual(numbers.map(() => 200));
    expect(member.hears().map(({ data }) => String(data))).toEqual(numbers);
  });
});
