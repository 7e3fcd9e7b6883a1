import {
  type ArgumentsHost,
  BadRequestException,
  type CallHandler,
  type CanActivate,
  Catch,
  type ExceptionFilter,
  type ExecutionContext,
  Inject,
  Injectable,
  type NestInterceptor,
  ParseIntPipe,
  Scope,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
} from '@nestjs/common';
import { APP_GUARD, REQUEST } from '@nestjs/core';
import {
  Ack,
  BaseWsExceptionFilter,
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WsException,
} from '@nestjs/websockets';
import { MemberSocket, SocketHandlers } from 'nestjs-switchboard';
import { map, type Observable, of } from 'rxjs';
import { startFake } from '../../../support/hosts.js';

/** A matcher of a text; `expect` itself has no type of its own. */
const containing = (text: string) => expect.stringContaining(text) as string;

/** Connects `ada` to an application with these handlers. */
async function adaOf(...providers: NonNullable<Parameters<typeof startFake>[1]>['providers'] & object[]) {
  const { fake } = await startFake({}, { providers });
  return fake.connect({ id: 'ada', info: { name: 'Ada' } });
}

describe('A handler', () => {
  @Injectable()
  class Prices {
    of(id: number): number {
      return id * 10;
    }
  }

  @SocketHandlers()
  class OrderHandlers {
    constructor(private readonly prices: Prices) {}

    @SubscribeMessage('PRICED')
    priced(@MessageBody('id', ParseIntPipe) id: number, @ConnectedSocket() from: MemberSocket): object {
      return { price: this.prices.of(id), for: from.member, channel: from.channel ?? null };
    }

    @SubscribeMessage('WHOLE')
    whole(@MessageBody() body: unknown): unknown {
      return body;
    }

    @SubscribeMessage('BARE')
    bare(socket: unknown, payload: unknown): object {
      return { isSocket: socket instanceof MemberSocket, payload };
    }

    @SubscribeMessage('NOTHING')
    nothing(): void {
      // Returns nothing.
    }

    @SubscribeMessage('LATER')
    later(): Observable<number> {
      return of(1, 2, 3);
    }

    @SubscribeMessage('ACKED')
    acked(@MessageBody() body: unknown, @Ack() ack?: (value: unknown) => void): string {
      ack?.({ acked: body });
      return 'not the answer';
    }
  }

  test('has its dependencies, and gets the body, its fields through pipes, and the member', async () => {
    const ada = await adaOf(Prices, OrderHandlers);
    expect(await ada.ask('PRICED', { id: '7' })).toEqual({
      price: 70,
      for: { id: 'ada', info: { name: 'Ada' } },
      channel: null,
    });
  });

  test.each([[{ a: 1 }], [[1]], ['text'], [7], [true], [null]])(
    'gets the payload %j as JSON carries it',
    async (payload) => {
      const ada = await adaOf(Prices, OrderHandlers);
      expect(await ada.ask('WHOLE', payload)).toEqual(payload);
    },
  );

  test('without decorators on its parameters gets the socket and the payload', async () => {
    const ada = await adaOf(Prices, OrderHandlers);
    expect(await ada.ask('BARE', [1])).toEqual({ isSocket: true, payload: [1] });
  });

  test('may return nothing, or an observable, whose last value is the answer', async () => {
    const ada = await adaOf(Prices, OrderHandlers);
    expect(await ada.ask('NOTHING')).toBeUndefined();
    expect(await ada.ask('LATER')).toBe(3);
  });

  test('with @Ack() answers by calling it, and has none where nobody waits', async () => {
    const ada = await adaOf(Prices, OrderHandlers);
    expect(await ada.ask('ACKED', 1)).toEqual({ acked: 1 });
    await ada.send('ACKED', 1);
  });

  test('refuses what its pipe refuses, with the words of the pipe', async () => {
    const ada = await adaOf(Prices, OrderHandlers);
    await expect(ada.ask('PRICED', { id: 'x' })).rejects.toMatchObject({
      code: 'REFUSED',
      message: '"ada" could not send "PRICED": Validation failed (numeric string is expected) (REFUSED)',
    });
  });
});

describe('The parts that Nest puts around a handler', () => {
  const called: string[] = [];
  beforeEach(() => called.splice(0));

  @Injectable()
  class IsAda implements CanActivate {
    canActivate(context: ExecutionContext): boolean {
      const from = context.switchToWs().getClient<MemberSocket>();
      called.push(
        `guard ${context.getType()} ${context.switchToWs().getPattern()} ${context.getHandler().name}`,
      );
      return from.member.id === 'ada';
    }
  }

  class Doubling implements NestInterceptor {
    intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
      called.push(`interceptor ${JSON.stringify(context.switchToWs().getData())}`);
      return next.handle().pipe(map((value: unknown) => [value, value]));
    }
  }

  class Upper {
    transform(value: unknown): unknown {
      called.push('pipe');
      return typeof value === 'string' ? value.toUpperCase() : value;
    }
  }

  @Catch(RangeError)
  class Ranges implements ExceptionFilter {
    catch(error: RangeError): object {
      return { filtered: error.message };
    }
  }

  @Catch(TypeError)
  class Types implements ExceptionFilter {
    catch(): void {
      throw new WsException({ message: 'translated', field: 'x' });
    }
  }

  @Catch(EvalError)
  class Emitting extends BaseWsExceptionFilter {
    override catch(_: EvalError, host: ArgumentsHost): void {
      super.catch(new WsException('emitted'), host);
    }
  }

  @Catch(SyntaxError)
  class Silent implements ExceptionFilter {
    catch(): void {
      called.push('silent');
    }
  }

  @SocketHandlers()
  @UseGuards(IsAda)
  @UseFilters(Ranges, Types, Emitting, Silent)
  class AroundHandlers {
    @SubscribeMessage('ALL')
    @UseInterceptors(Doubling)
    @UsePipes(Upper)
    all(@MessageBody() body: string): string {
      called.push('handler');
      return body;
    }

    @SubscribeMessage('THROWS')
    throws(@MessageBody() name: string): never {
      const errors: Record<string, Error> = {
        range: new RangeError('too far'),
        type: new TypeError('inside'),
        eval: new EvalError('inside'),
        syntax: new SyntaxError('secret'),
        ws: new WsException('no'),
        wsObject: new WsException({ message: 'not now', retryAfterS: 5 }),
        http: new BadRequestException(['a must be a number']),
      };
      throw errors[name] ?? new Error('secret');
    }
  }

  test('are called in the order of Nest: guard, interceptor, pipe, handler', async () => {
    const ada = await adaOf(AroundHandlers);
    expect(await ada.ask('ALL', 'x')).toEqual(['X', 'X']);
    expect(called).toEqual(['guard ws ALL all', 'interceptor "x"', 'pipe', 'handler']);
  });

  test('let nobody pass whom the guard stops', async () => {
    const { fake } = await startFake({}, { providers: [AroundHandlers] });
    const bob = await fake.connect('bob');
    await expect(bob.ask('ALL', 'x')).rejects.toMatchObject({ code: 'REFUSED' });
    expect(called).toEqual(['guard ws ALL all']);
  });

  test.each([
    ['a WsException, with its text', 'ws', { code: 'REFUSED', message: containing('no (REFUSED)') }],
    [
      'a WsException with an object',
      'wsObject',
      { code: 'REFUSED', details: { message: 'not now', retryAfterS: 5 } },
    ],
    [
      'an exception that blames the caller',
      'http',
      { code: 'REFUSED', details: { message: ['a must be a number'] } },
    ],
    ['what a filter throws', 'type', { code: 'REFUSED', details: { message: 'translated', field: 'x' } }],
    [
      'what a filter of gateways emits',
      'eval',
      {
        code: 'REFUSED',
        message: containing('emitted'),
        details: { status: 'error' },
      },
    ],
  ])('tell the sender %s', async (_, name, error) => {
    const ada = await adaOf(AroundHandlers);
    await expect(ada.ask('THROWS', name)).rejects.toMatchObject(error);
  });

  test('tell the sender nothing of any other exception, not even where a filter took it', async () => {
    const ada = await adaOf(AroundHandlers);
    for (const name of ['other', 'syntax']) {
      const error = await ada.ask('THROWS', name).catch((thrown: unknown) => thrown as Error);
      expect(error).toMatchObject({ code: 'FAILED' });
      expect((error as Error).message).not.toContain('secret');
    }
    expect(called).toContain('silent');
  });

  test('may answer in place of the handler: a filter returns the answer', async () => {
    const ada = await adaOf(AroundHandlers);
    expect(await ada.ask('THROWS', 'range')).toEqual({ filtered: 'too far' });
  });

  test('are not the global ones of HTTP, as in a gateway', async () => {
    const refuses = { provide: APP_GUARD, useValue: { canActivate: () => false } };
    const ada = await adaOf(AroundHandlers, refuses);
    expect(await ada.ask('ALL', 'x')).toEqual(['X', 'X']);
  });
});

describe('Request-scoped', () => {
  let made = 0;
  beforeEach(() => (made = 0));

  @Injectable({ scope: Scope.REQUEST })
  class Sender {
    readonly number = ++made;
    constructor(@Inject(REQUEST) readonly socket: MemberSocket) {}
  }

  @SocketHandlers()
  class ScopedHandlers {
    constructor(private readonly sender: Sender) {}

    @SubscribeMessage('WHO')
    async who(@ConnectedSocket() from: MemberSocket): Promise<unknown> {
      await Promise.resolve();
      return [this.sender.socket.member.id, this.sender.socket === from, this.sender.number];
    }
  }

  @Injectable({ scope: Scope.REQUEST })
  class ScopedGuard implements CanActivate {
    constructor(private readonly sender: Sender) {}
    canActivate(): boolean {
      return this.sender.socket.member.id === 'ada';
    }
  }

  @SocketHandlers()
  class GuardedHandlers {
    @UseGuards(ScopedGuard)
    @SubscribeMessage('GUARDED')
    guarded(): string {
      return 'in';
    }
  }

  test('dependencies of a handler are made for each message, and REQUEST is its socket', async () => {
    const { fake } = await startFake({}, { providers: [Sender, ScopedHandlers] });
    const [ada, bob] = [await fake.connect('ada'), await fake.connect('bob')];
    const answers = await Promise.all([ada.ask('WHO'), bob.ask('WHO'), ada.ask('WHO')]);
    expect(answers).toEqual([
      ['ada', true, expect.any(Number)],
      ['bob', true, expect.any(Number)],
      ['ada', true, expect.any(Number)],
    ]);
    expect(new Set(answers.map((answer) => (answer as unknown[])[2])).size).toBe(3);
  });

  test('guards of a handler are made for each message', async () => {
    const { fake } = await startFake({}, { providers: [Sender, ScopedGuard, GuardedHandlers] });
    const [ada, bob] = [await fake.connect('ada'), await fake.connect('bob')];
    expect(await ada.ask('GUARDED')).toBe('in');
    await expect(bob.ask('GUARDED')).rejects.toMatchObject({ code: 'REFUSED' });
  });
});
