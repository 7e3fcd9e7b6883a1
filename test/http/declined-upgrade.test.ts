import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { ServerRouter } from '../../src/http/server-router.js';
import { portOf } from '../support/host.js';
import { onTeardown } from '../support/teardown.js';
import { get, PipeliningClient, Turns } from './pipelined.js';

/** An application's server with a route that claims nothing. Returns its port. */
async function serve(listener: RequestListener, prepare?: (server: Server) => void): Promise<number> {
  const server = createServer(listener);
  prepare?.(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const detach = ServerRouter.add(server, {});
  onTeardown(() => {
    detach();
    server.closeAllConnections();
    server.close();
  });
  return portOf(server);
}

/** Answers with the path of the request, a few turns later where the path says so. */
const echo: RequestListener = ({ url = '' }, response) => {
  const answer = (turns: number): void => {
    if (turns === 0) response.setHeader('Content-Length', url.length).end(url);
    else setImmediate(answer, turns - 1);
  };
  answer(url.startsWith('/late') ? 5 : 0);
};

describe('Requests that offer an upgrade which nobody wants', () => {
  test('are one in a turn of the event loop, however many of them a client pipelines', async () => {
    const turns = new Turns();
    const port = await serve((request, response) => {
      turns.count(request.socket);
      echo(request, response);
    });
    const clients = await Promise.all([1, 2, 3].map(() => PipeliningClient.connect(port)));
    for (const { socket } of clients) socket.write(get('/now', true).repeat(200));
    for (const client of clients) expect(await client.answers(200)).toHaveLength(200);
    // Two turns of the server may be in one of this test's.
    expect(turns.most).toBeLessThanOrEqual(2);
  });

  test.each([
    ['offers only', [true, true, true, true]],
    ['an offer behind plain requests', [false, false, false, true]],
    ['plain requests behind an offer', [true, false, false, false]],
    ['both in turn', [true, false, true, false, false, true, true]],
  ])(
    'are answered in their order where the answers are late: %s (bug: all but the first hung)',
    async (_, offers) => {
      const port = await serve(echo);
      const client = await PipeliningClient.connect(port);
      const paths = offers.map((_offers, index) => (index % 3 === 2 ? `/now/${index}` : `/late/${index}`));
      client.socket.write(paths.map((path, index) => get(path, offers[index])).join(''));
      expect((await client.answers(paths.length)).map(({ body }) => body)).toEqual(paths);
    },
  );

  test('have their bodies, and the next request begins behind these', async () => {
    const port = await serve((request, response) => {
      void request.toArray().then((chunks) => {
        const text = chunks.join('');
        response.setHeader('Content-Length', text.length).end(text);
      });
    });
    const client = await PipeliningClient.connect(port);
    const post = (text: string) =>
      get('/', true)
        .replace('GET', 'POST')
        .replace('\r\n\r\n', `\r\nContent-Length: ${text.length}\r\n\r\n${text}`);
    client.socket.write(post('one') + post('') + post('three'));
    expect((await client.answers(3)).map(({ body }) => body)).toEqual(['one', '', 'three']);
  });

  test('have the server’s own timeout, and not that of a connection without a request', async () => {
    const timeouts: number[] = [];
    const port = await serve((request, response) => {
      timeouts.push(request.socket.timeout ?? 0);
      echo(request, response);
    });
    const client = await PipeliningClient.connect(port);
    client.socket.write(get('/late') + get('/now', true));
    await client.answers(2);
    expect(timeouts).toEqual([0, 0]);
  });

  test('are not served behind an answer that closes the connection', async () => {
    const port = await serve((request, response) => {
      response.setHeader('Connection', 'close');
      echo(request, response);
    });
    const client = await PipeliningClient.connect(port);
    client.socket.write(get('/late') + get('/now', true));
    expect(await client.answers(2)).toEqual([{ status: 200, closes: true, body: '/late' }]);
  });

  test('make no new connection for others who count them, as Nest does with `forceCloseConnections`', async () => {
    let connections = 0;
    const port = await serve(echo, (server) => server.on('connection', () => connections++));
    const client = await PipeliningClient.connect(port);
    client.socket.write(get('/now', true).repeat(20));
    expect(await client.answers(20)).toHaveLength(20);
    expect(connections).toBe(1);
  });

  test('harm nobody when their connection breaks while they wait', async () => {
    let answer = (): void => undefined;
    let lost: Promise<unknown> = Promise.resolve();
    const port = await serve((request, response) => {
      if (request.url !== '/held') {
        echo(request, response);
        return;
      }
      lost = once(response, 'close');
      answer = () => void response.end();
    });
    const client = await PipeliningClient.connect(port);
    const other = await PipeliningClient.connect(port);
    client.socket.write(get('/held') + get('/now', true));
    other.socket.write(get('/now'));
    await other.answers(1);
    client.socket.resetAndDestroy();
    await lost;
    answer();
    other.socket.write(get('/now', true));
    expect(await other.answers(2)).toHaveLength(2);
  });
});
