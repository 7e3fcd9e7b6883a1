import {
  Controller,
  Get,
  type INestApplication,
  Injectable,
  Module,
  Post,
  Req,
  UseGuards,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { JwtService } from '@nestjs/jwt';
import { AuthGuard, PassportStrategy } from '@nestjs/passport';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import cookieParser from 'cookie-parser';
import type { Request, RequestHandler } from 'express';
import session from 'express-session';
import passport from 'passport';
import { ExtractJwt, Strategy as JwtStrategy } from 'passport-jwt';
import { SOCKET_ID } from '../../../support/auth-requests.js';
import { BROWSER_TEST_MS, useChromium } from '../../../support/chromium.js';
import { FRAMEWORKS, type HostParts, startHost } from '../../../support/hosts.js';
import { createShop, heardBy, HELLO, openPage } from './shop.js';

const SECRET = 'a secret of at least 32 characters';
const newContext = useChromium();

declare module 'express-session' {
  interface SessionData {
    memberId: string;
  }
}

type SessionRequest = Request & { readonly session: session.Session & Partial<session.SessionData> };
/** A strategy's answer. */
interface WithUser {
  readonly user?: { readonly id: string };
}

const ofUser = ({ user }: WithUser) => (user === undefined ? null : { id: user.id });

/** Asks for a signin. */
async function signin(url: string, headers: Record<string, string>): Promise<number> {
  const body = new URLSearchParams({ socket_id: SOCKET_ID });
  return (await fetch(`${url}/socket/user-auth`, { method: 'POST', body, headers })).status;
}

@Controller('login')
class LoginController {
  @Post()
  login(@Req() request: SessionRequest): string {
    request.session.memberId = 'ada';
    return 'in';
  }
}

@Module({ controllers: [LoginController] })
class LoginModule {}

describe('a page on another origin', () => {
  test(
    'is known by the session of express-session that it has logged in with, and not before',
    async () => {
      let shopUrl = '';
      const backend = await createShop(
        {
          identify: ({ session: { memberId } }: SessionRequest) =>
            memberId === undefined ? null : { id: memberId },
        },
        {
          imports: [LoginModule],
          prepare: (app) => {
            app.enableCors({
              origin: (origin: string, done: (error: null, isAllowed: boolean) => void) => {
                done(null, origin === shopUrl);
              },
              credentials: true,
            });
            app.use(session({ secret: SECRET, resave: false, saveUninitialized: false }));
          },
        },
      );
      await backend.listen(0, '127.0.0.1');
      const shop = await createShop();
      await shop.listen(0, '127.0.0.1');
      shopUrl = await originOf(shop);
      const url = await originOf(backend);

      const page = await openPage(await newContext(), shopUrl);
      const options = { url, credentials: 'include' };
      await expect(heardBy(page, backend, options)).rejects.toThrow('/socket/user-auth');
      await page.evaluate(
        `fetch('${url}/login', { method: 'POST', credentials: 'include' }).then((r) => r.text())`,
      );
      expect(await heardBy(page, backend, options)).toEqual(HELLO);
      // Without the option the page sends no cookie.
      await expect(heardBy(page, backend, { url })).rejects.toThrow('/socket/user-auth');
    },
    BROWSER_TEST_MS,
  );
});

describe.each(Object.entries(FRAMEWORKS))('credentialed CORS over %s', (_, httpAdapter) => {
  const prepare = (app: INestApplication) => {
    app.enableCors({ origin: 'https://shop.example.com', credentials: true });
  };

  test('is answered for every endpoint, preflights and refusals too', async () => {
    const { url } = await startHost({ provider: 'ws' }, { httpAdapter, prepare });
    const from = { Origin: 'https://shop.example.com' };
    const asked = {
      ...from,
      'Access-Control-Request-Method': 'POST',
      'Access-Control-Request-Headers': 'x-member',
    };
    const answers = await Promise.all([
      fetch(`${url}/socket/config`, { headers: from }),
      fetch(`${url}/socket/config`, { method: 'OPTIONS', headers: asked }),
      fetch(`${url}/socket/user-auth`, { method: 'OPTIONS', headers: asked }),
      // Refused: a page can read the reason.
      fetch(`${url}/socket/user-auth`, { method: 'POST', headers: from, body: new URLSearchParams() }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 204, 204, 400]);
    for (const { headers } of answers) {
      expect(headers.get('access-control-allow-origin')).toBe('https://shop.example.com');
      expect(headers.get('access-control-allow-credentials')).toBe('true');
    }
  });
});

test('cookie-parser’s signed cookies are there for identify, and a forged one is not', async () => {
  const { url } = await startHost(
    {
      provider: 'ws',
      identify: ({ signedCookies }: Request) => {
        const { member } = signedCookies as { member?: string | false };
        return typeof member === 'string' ? { id: member } : null;
      },
    },
    {
      imports: [CookieModule()],
      prepare: (app) => void app.use(cookieParser(SECRET)),
    },
  );
  const cookie = (await fetch(`${url}/cookie`)).headers.get('set-cookie')?.split(';')[0] ?? '';
  expect(cookie).toMatch(/^member=s%3Aada\./);
  expect(await signin(url, { cookie })).toBe(200);
  expect(await signin(url, { cookie: cookie.replace('ada', 'eve') })).toBe(403);
});

/** Sets a signed cookie. */
function CookieModule() {
  @Controller('cookie')
  class CookieController {
    @Get()
    set(@Req() request: Request): string {
      request.res?.cookie('member', 'ada', { signed: true });
      return 'set';
    }
  }

  @Module({ controllers: [CookieController] })
  class SetsCookie {}
  return SetsCookie;
}

describe('request.user', () => {
  const token = new JwtService({ secret: SECRET }).sign({ sub: 'ada' });
  const bearer = { authorization: `Bearer ${token}` };

  @Injectable()
  class BearerStrategy extends PassportStrategy(JwtStrategy) {
    constructor() {
      super({ jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(), secretOrKey: SECRET });
    }

    validate({ sub }: { sub: string }): { id: string } {
      return { id: sub };
    }
  }

  const start = (parts: HostParts) => startHost({ provider: 'ws', identify: ofUser as never }, parts);

  test('is there where passport runs as middleware for the endpoints', async () => {
    const { url } = await start({
      providers: [BearerStrategy],
      prepare: (app) => {
        const authenticate = passport.authenticate('jwt', { session: false }) as RequestHandler;
        app.use(['/socket/auth', '/socket/user-auth'], authenticate);
      },
    });
    expect((await fetch(`${url}/socket/config`)).status).toBe(200);
    expect(await signin(url, bearer)).toBe(200);
    expect(await signin(url, { authorization: 'Bearer nobody' })).toBe(401);
  });

  test('is there where a hook of Fastify sets it', async () => {
    const { url } = await start({
      httpAdapter: FRAMEWORKS.fastify,
      prepare: (app) => {
        const fastify = (app as NestFastifyApplication).getHttpAdapter().getInstance();
        fastify.addHook('onRequest', (request, _, done) => {
          if (request.headers.authorization === bearer.authorization)
            Object.assign(request, { user: { id: 'ada' } });
          done();
        });
      },
    });
    expect(await signin(url, bearer)).toBe(200);
    expect(await signin(url, {})).toBe(403);
  });

  test('is not there where a guard sets it, also a global one', async () => {
    @UseGuards(AuthGuard('jwt'))
    @Controller('me')
    class MeController {
      @Get()
      me(@Req() request: WithUser): string {
        return String(request.user?.id);
      }
    }

    @Module({ controllers: [MeController] })
    class MeModule {}

    const { url } = await start({
      imports: [MeModule],
      providers: [BearerStrategy, { provide: APP_GUARD, useClass: AuthGuard('jwt') }],
    });
    expect(await (await fetch(`${url}/me`, { headers: bearer })).text()).toBe('ada');
    expect((await fetch(`${url}/me`)).status).toBe(401);
    expect(await signin(url, bearer)).toBe(403);
  });
});

async function originOf(app: INestApplication): Promise<string> {
  return new URL(await app.getUrl()).origin;
}
