import {
  Controller,
  ForbiddenException,
  Get,
  Header,
  Module,
  NotFoundException,
  Param,
  Post,
  Query,
  Res,
  UseGuards,
} from '@nestjs/common';
import { LivePosition, type SocketModuleOptions, SocketService } from 'nestjs-switchboard';
import { ADA } from '../../../support/auth-requests.js';
import { FRAMEWORKS, logged } from '../../../support/hosts.js';
import { later, NOTED, startShop } from './shop.js';

/** The part of the answers of Express and Fastify that is used here. */
interface Response {
  status(code: number): Response;
  header(name: string, value: string): Response;
  send(body: string): unknown;
}

class NobodyGuard {
  canActivate(): boolean {
    return false;
  }
}

@Controller('orders')
class OrdersController {
  constructor(private readonly socketService: SocketService) {}

  @Get(':owner')
  @LivePosition('private-orders.{owner}')
  async find(@Param('owner') owner: string, @Query('relay') relays = '0'): Promise<object> {
    for (let n = 0; n < Number(relays); n++)
      await this.socketService.relayToChannel(`private-orders.${owner}`, NOTED, n as never);
    return { owner };
  }

  @LivePosition('members')
  @Get('of/mine')
  mine(): object {
    return { mine: true };
  }

  @Get('of/all')
  @LivePosition('broadcast')
  @Header('Access-Control-Expose-Headers', 'X-Total')
  all(): object {
    return { all: true };
  }

  @Post('of/:owner/new')
  @LivePosition('private-orders.{owner}')
  place(): object {
    return { placed: true };
  }

  @Get('missing/:owner')
  @LivePosition('private-orders.{owner}')
  missing(): never {
    throw new NotFoundException();
  }

  @Get('refused/:owner')
  @LivePosition('private-orders.{owner}')
  async refused(): Promise<never> {
    throw new ForbiddenException();
  }

  @Get('guarded/:owner')
  @UseGuards(NobodyGuard)
  @LivePosition('private-orders.{owner}')
  guarded(): object {
    return {};
  }

  @Get('quiet/:owner')
  @LivePosition('private-orders.{owner}')
  quiet(@Res({ passthrough: true }) response: Response): object {
    response.status(404);
    return {};
  }

  @Get('raw/:owner')
  @LivePosition('private-orders.{owner}')
  raw(@Res() response: Response): void {
    response.send('by hand');
  }

  @Get('mistaken/:id')
  @LivePosition('private-orders.{owner}')
  mistaken(): object {
    return {};
  }

  @Get('without/:id')
  @LivePosition('private-invoices.{id}')
  without(): object {
    return { found: true };
  }

  @Get('plain/:owner')
  plain(): object {
    return {};
  }
}

@Module({ controllers: [OrdersController] })
class OrdersModule {}

describe.each(Object.keys(FRAMEWORKS) as (keyof typeof FRAMEWORKS)[])(
  '@LivePosition over %s',
  (framework) => {
    async function start(options: SocketModuleOptions = {}) {
      const shop = await startShop(framework, options, {
        imports: [OrdersModule],
        prepare: (app) => {
          app.enableCors({ origin: 'https://shop.example', exposedHeaders: ['X-Trace'] });
        },
      });
      const get = async (path: string, headers: Record<string, string> = {}, method = 'GET') => {
        const answer = await fetch(`${shop.url}/orders/${path}`, { method, headers });
        const [position, exposed] = ['socket-position', 'access-control-expose-headers'].map((name) =>
          answer.headers.get(name),
        );
        return { status: answer.status, body: await answer.text(), position, exposed };
      };
      return { ...shop, get };
    }

    test('adds the position from before the method ran to its answer, and has browsers show it', async () => {
      const { get, live } = await start();
      const first = await get('ada');
      expect(first).toEqual({
        status: 200,
        body: '{"owner":"ada"}',
        position: await live('private-orders.ada', ADA),
        exposed: 'X-Trace, Socket-Position',
      });
      // Whatever is relayed while the method runs comes after the position.
      const second = await get('ada?relay=3');
      expect(second.position).toBe(first.position);
      expect((await get('ada')).position).toBe(later(String(first.position), 3));
      expect((await get('of/ada/new', {}, 'POST')).position).toBe(later(String(first.position), 3));
    });

    test('adds that of the caller’s own channel, and none for a caller whom nobody knows', async () => {
      const { get, live, service } = await start();
      await service.relayToMember('ada', NOTED, 1 as never);
      const { status, position } = await get('of/mine', ADA);
      expect([status, position]).toEqual([200, await live('#server-to-user-ada', ADA)]);
      expect(position).toMatch(/\.1$/);
      expect(await get('of/mine')).toMatchObject({ status: 200, position: null });
    });

    test('adds that of the broadcast channel, and keeps the headers that the method exposes', async () => {
      const { get, live } = await start();
      const { position, exposed } = await get('of/all');
      expect([position, exposed]).toEqual([await live('broadcast'), 'X-Total, Socket-Position']);
    });

    test('tells nothing of the channel with an answer that is a refusal or an error', async () => {
      const { get } = await start();
      const answers = await Promise.all(
        ['missing/ada', 'refused/ada', 'guarded/ada', 'quiet/ada'].map((path) => get(path)),
      );
      expect(answers.map(({ status }) => status)).toEqual([404, 403, 403, 404]);
      for (const { position } of answers) expect(position).toBeNull();
    });

    test('leaves alone an answer that the method has sent itself, and a method without it', async () => {
      const { get } = await start();
      expect(await get('raw/ada')).toMatchObject({ status: 200, body: 'by hand', position: null });
      expect(await get('plain/ada')).toMatchObject({ status: 200, position: null, exposed: 'X-Trace' });
    });

    test.each(['7.items', 'a%20b', '%23x', '%C3%A9', 'a%2Fb'])(
      'adds none for the param %s, which is no part of a channel’s name',
      async (owner) => {
        const { get } = await start();
        expect(await get(owner)).toMatchObject({ status: 200, position: null });
      },
    );

    test('fails with a sentence when the route has no param for a placeholder', async () => {
      const errors = logged('error');
      const { get } = await start();
      expect((await get('mistaken/7')).status).toBe(500);
      expect(errors.lines.join()).toContain(
        '@LivePosition("private-orders.{owner}") of OrdersController.mistaken: the route has no param "owner"; its params: id',
      );
    });

    test('adds none, and says so once, where SOCKET_HISTORY has other channels only', async () => {
      const warnings = logged('warn');
      const { get } = await start();
      for (const id of ['7', '8', '7'])
        expect(await get(`without/${id}`)).toMatchObject({
          status: 200,
          body: '{"found":true}',
          position: null,
        });
      expect(warnings.lines.filter((line) => line.includes('LivePosition'))).toEqual([
        '@LivePosition("private-invoices.{id}") adds no header: SOCKET_HISTORY does not cover "private-invoices.7"',
      ]);
    });

    test('adds none, and says nothing, where no channel has history', async () => {
      const warnings = logged('warn');
      const { get } = await start({ history: { channels: [] } });
      expect(await get('ada')).toMatchObject({ status: 200, position: null });
      expect(await get('of/mine', ADA)).toMatchObject({ status: 200, position: null });
      expect(warnings.lines.filter((line) => line.includes('LivePosition'))).toEqual([]);
    });

    test.each(['report', 'throw'] as const)(
      'adds none, and does not fail the request, while the log cannot be reached (SOCKET_FAILURE=%s)',
      async (failure) => {
        const warnings = logged('warn');
        logged('error');
        const away = { cluster: 'redis', redis: { url: 'redis://127.0.0.1:1' } } as const;
        const { get } = await start({ ...away, failure });
        expect(await get('ada')).toMatchObject({ status: 200, body: '{"owner":"ada"}', position: null });
        expect(warnings.lines.join('\n')).toContain(
          'Could not ask "ws" for the history of "private-orders.ada"',
        );
      },
    );

    test('a failing identify fails no request either', async () => {
      const warnings = logged('warn');
      const identify = () => {
        throw new Error('the session store is away');
      };
      const { get } = await start({ identify });
      expect(await get('of/mine', ADA)).toMatchObject({ status: 200, position: null });
      expect(warnings.lines).toContainEqual('An answer has no Socket-Position: the session store is away');
    });
  },
);

test('@LivePosition of a text that names no channels is an error at class definition', () => {
  for (const text of ['', 'private orders', '{a}{b}', 'private-{id}.{id}'])
    expect(() => LivePosition(text)).toThrow(TypeError);
});
