import { CACHE_MANAGER, CacheInterceptor, CacheModule } from '@nestjs/cache-manager';
import {
  type ArgumentsHost,
  BadRequestException,
  type CallHandler,
  type CanActivate,
  Catch,
  Controller,
  type ExceptionFilter,
  type ExecutionContext,
  Get,
  HttpException,
  Module,
  type NestInterceptor,
  Next,
  type PipeTransform,
  type Provider,
  Req,
  Res,
  UnauthorizedException,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, APP_PIPE, HttpAdapterHost } from '@nestjs/core';
import type { NextFunction, Request, Response } from 'express';
import { AuthorizeChannel, type ChannelAuthorizer, type ClientConfig } from 'nestjs-switchboard';
import { connect } from 'nestjs-switchboard/browser';
import { map, type Observable } from 'rxjs';
import { ADA, APP, form, SOCKET_ID } from '../../../support/auth-requests.js';
import { FRAMEWORKS, startHost } from '../../../support/hosts.js';
import { getJson } from '../../../support/http-get.js';
import { Pusher, subscribed } from '../../../support/pusher-browser.js';
import { onTeardown } from '../../../support/teardown.js';

type Answer = ClientConfig<{ readonly wsHost: string }>;

class WrapInterceptor implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(map((data: unknown) => ({ data })));
  }
}

/** As `ThrottlerGuard` does it: more than one request of a caller is refused. */
class LimitGuard implements CanActivate {
  #requests = 0;

  canActivate(): boolean {
    if (++this.#requests > 1) throw new HttpException('Too many requests', 429);
    return true;
  }
}

/** As an application's own, which lets nobody through without a token. */
class TokenGuard implements CanActivate {
  canActivate(): boolean {
    throw new UnauthorizedException('no token');
  }
}

/** As `ValidationPipe` with `forbidNonWhitelisted`: every field is refused that no class declares. */
class NothingPipe implements PipeTransform {
  transform(value: unknown): never {
    throw new BadRequestException(`${JSON.stringify(value)} should not exist`);
  }
}

/** The errors that the application's filter has seen. */
const caught: unknown[] = [];

@Catch()
class EnvelopeFilter implements ExceptionFilter {
  constructor(private readonly host: HttpAdapterHost) {}

  catch(error: unknown, context: ArgumentsHost): void {
    caught.push(error);
    const status = error instanceof HttpException ? error.getStatus() : 500;
    this.host.httpAdapter.reply(context.switchToHttp().getResponse(), { failed: true }, status);
  }
}

@AuthorizeChannel('private-orders.{owner}')
class OrdersChannel implements ChannelAuthorizer {
  authorize(): boolean {
    return true;
  }
}

@AuthorizeChannel('private-broken.{name}')
class BrokenChannel implements ChannelAuthorizer {
  authorize(): boolean {
    throw new Error('the database is away');
  }
}

const GLOBAL: readonly Provider[] = [
  { provide: APP_INTERCEPTOR, useClass: CacheInterceptor },
  { provide: APP_INTERCEPTOR, useClass: WrapInterceptor },
  { provide: APP_GUARD, useClass: LimitGuard },
  { provide: APP_GUARD, useClass: TokenGuard },
  { provide: APP_PIPE, useValue: new NothingPipe() },
  {
    provide: APP_FILTER,
    inject: [HttpAdapterHost],
    useFactory: (host: HttpAdapterHost) => new EnvelopeFilter(host),
  },
];

describe.each(Object.entries(FRAMEWORKS))(
  'over %s, under everything that an application can make global,',
  (_, httpAdapter) => {
    const start = () =>
      startHost(
        { provider: 'ws', app: APP },
        {
          httpAdapter,
          imports: [CacheModule.register()],
          providers: [OrdersChannel, BrokenChannel, ...GLOBAL],
        },
      );

    test('/socket/config is no tenant’s but the caller’s, and is in no cache', async () => {
      const { url, app } = await start();
      const { hostname, port } = new URL(url);
      const hostFor = async (tenant: string) => {
        const headers = { Host: tenant };
        const { body } = await getJson<Answer>('/socket/config', { hostname, port, headers });
        return body.options.wsHost;
      };
      for (const tenant of ['one.example.com', 'two.example.com', 'one.example.com'])
        expect(await hostFor(tenant)).toBe(tenant);
      const cache: { get(key: string): Promise<unknown> } = app.get(CACHE_MANAGER);
      expect(await cache.get('/socket/config')).toBeUndefined();
    });

    test('a real pusher-js signs in, subscribes, and comes back as often as it must', async () => {
      const { url } = await start();
      for (let time = 0; time < 3; time++) {
        const socket = await connect(Pusher, { url, headers: ADA });
        onTeardown(() => {
          socket.disconnect();
        });
        await subscribed(socket.channel('private-orders.ada'));
      }
    });

    test('a refusal keeps its status and its reason', async () => {
      const { url } = await start();
      expect(await form(`${url}/socket/user-auth`, { socket_id: SOCKET_ID })).toEqual([
        403,
        {
          statusCode: 403,
          code: 'NOT_IDENTIFIED',
          message: 'The caller is not known: identify(request) returned null',
        },
      ]);
    });

    test('an error that is no refusal goes to the application’s filters', async () => {
      caught.length = 0;
      const { url } = await start();
      const fields = { socket_id: SOCKET_ID, channel_name: 'private-broken.1' };
      expect(await form(`${url}/socket/auth`, fields, ADA)).toEqual([500, { failed: true }]);
      expect(caught).toEqual([new Error('the database is away')]);
    });
  },
);

describe('on Express', () => {
  test('a controller for every path that passes theirs on leaves the endpoints alone', async () => {
    @Controller()
    class PageController {
      @Get('{*path}')
      page(@Req() request: Request, @Res() response: Response, @Next() next: NextFunction): void {
        if (request.path.startsWith('/socket/')) next();
        else response.send('<!doctype html>');
      }
    }

    @Module({ controllers: [PageController] })
    class PageModule {}

    const { url } = await startHost({ provider: 'ws', app: APP }, { imports: [PageModule] });
    expect(await (await fetch(`${url}/anything`)).text()).toContain('<!doctype html>');
    expect((await fetch(`${url}/socket/config`)).headers.get('content-type')).toContain('json');
  });

  test('a fallback that a module adds when it starts, as for a single-page application, leaves the endpoints alone', async () => {
    @Module({})
    class FallbackModule {
      constructor(private readonly host: HttpAdapterHost) {}

      onModuleInit(): void {
        this.host.httpAdapter.get('{*path}', ((_: unknown, response: { send(text: string): void }) => {
          response.send('<!doctype html>');
        }) as never);
      }
    }
    const { url } = await startHost({ provider: 'ws', app: APP }, { imports: [FallbackModule] });
    expect(await (await fetch(`${url}/anything`)).text()).toContain('<!doctype html>');
    expect((await fetch(`${url}/socket/config`)).headers.get('content-type')).toContain('json');
  });
});
