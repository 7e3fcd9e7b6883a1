import 'reflect-metadata';
import {
  Inject,
  Injectable,
  type MiddlewareConsumer,
  Module,
  type NestMiddleware,
  type NestModule,
  Scope,
} from '@nestjs/common';
import {
  type ContextId,
  ContextIdFactory,
  type ContextIdStrategy,
  type HostComponentInfo,
  REQUEST,
} from '@nestjs/core';
import {
  AuthorizeChannel,
  type ChannelAuthorizer,
  type HttpRequest,
  type Identity,
} from 'nestjs-switchboard';
import { ADA, form, SOCKET_ID } from '../../../support/auth-requests.js';
import { FRAMEWORKS, startFake, startHost } from '../../../support/hosts.js';
import { onTeardown } from '../../../support/teardown.js';

/** The tenant of the present request. */
@Injectable({ scope: Scope.REQUEST })
class Tenant {
  readonly name: string | string[] | undefined;

  constructor(@Inject(REQUEST) { headers }: HttpRequest) {
    this.name = headers['x-tenant'];
  }
}

@AuthorizeChannel('private-tenants.{name}')
class TenantChannel implements ChannelAuthorizer<{ name: string }> {
  constructor(readonly tenant: Tenant) {}

  async authorize(_member: Identity, { name }: { name: string }): Promise<boolean> {
    // Other requests are authorized meanwhile.
    await new Promise((resolve) => setImmediate(resolve));
    return this.tenant.name === name;
  }
}

/** `Tenant` is not exported: the authorizer is made in its own module. */
@Module({ providers: [Tenant, TenantChannel] })
class TenantsModule {}

const ask = async (url: string, channel_name: string, tenant = ''): Promise<number> => {
  const fields = { socket_id: SOCKET_ID, channel_name };
  const [status] = await form(`${url}/socket/auth`, fields, { ...ADA, 'x-tenant': tenant });
  return status;
};

describe.each(Object.keys(FRAMEWORKS) as (keyof typeof FRAMEWORKS)[])('over %s', (framework) => {
  const httpAdapter = FRAMEWORKS[framework];

  test('an authorizer that is request-scoped by what it injects is made for each request', async () => {
    const { url } = await startHost({ provider: 'ws' }, { imports: [TenantsModule], httpAdapter });
    const names = ['one', 'two', 'three'];
    const answers = await Promise.all(
      names.flatMap((name) => names.map((tenant) => ask(url, `private-tenants.${name}`, tenant))),
    );
    expect(answers).toEqual([200, 403, 403, 403, 200, 403, 403, 403, 200]);
  });

  test('it shares the context of a request that has one already', async () => {
    const seen: unknown[] = [];

    @Injectable()
    class Watching implements NestMiddleware {
      constructor(readonly tenant: Tenant) {}
      use(_request: unknown, _response: unknown, next: () => void): void {
        seen.push(this.tenant);
        next();
      }
    }

    @AuthorizeChannel('private-seen')
    class SeenChannel implements ChannelAuthorizer {
      constructor(readonly tenant: Tenant) {}
      authorize(): boolean {
        return seen.at(-1) === this.tenant;
      }
    }

    @Module({ providers: [Tenant, SeenChannel] })
    class WatchedModule implements NestModule {
      configure(consumer: MiddlewareConsumer): void {
        consumer.apply(Watching).forRoutes('*path');
      }
    }

    const { url } = await startHost({ provider: 'ws' }, { imports: [WatchedModule], httpAdapter });
    expect(await ask(url, 'private-seen')).toBe(200);
    expect(seen).not.toEqual([]);
  });
});

describe.each([
  ['below', false],
  ['above', true],
])('with @Injectable({ scope }) %s the decorator', (_, isAbove) => {
  function scoped(scope: Scope, seen: object[]) {
    class Seen implements ChannelAuthorizer {
      authorize(): boolean {
        seen.push(this);
        return true;
      }
    }
    const decorators = [Injectable({ scope }), AuthorizeChannel('private-scoped')];
    for (const decorate of isAbove ? decorators.reverse() : decorators) decorate(Seen);
    return Seen;
  }

  test.each([
    ['a request-scoped authorizer is made for each request', Scope.REQUEST, 2],
    ['a transient one, too', Scope.TRANSIENT, 2],
    ['a singleton is made once', Scope.DEFAULT, 1],
  ])('%s', async (_title, scope, count) => {
    const seen: object[] = [];
    const { url } = await startHost({ provider: 'ws' }, { providers: [scoped(scope, seen)] });
    expect([await ask(url, 'private-scoped'), await ask(url, 'private-scoped')]).toEqual([200, 200]);
    expect(new Set(seen).size).toBe(count);
  });
});

test('a durable authorizer is made once for each tenant', async () => {
  /** As in Nest's documentation. */
  class ByTenant implements ContextIdStrategy<HttpRequest> {
    readonly #trees = new Map<unknown, ContextId>();

    attach(contextId: ContextId, { headers }: HttpRequest) {
      const tenant = headers['x-tenant'];
      const tree = this.#trees.get(tenant) ?? ContextIdFactory.create();
      this.#trees.set(tenant, tree);
      return {
        resolve: ({ isTreeDurable }: HostComponentInfo) => (isTreeDurable ? tree : contextId),
        payload: { tenant },
      };
    }
  }
  ContextIdFactory.apply(new ByTenant());
  onTeardown(() => {
    Reflect.set(ContextIdFactory, 'strategy', undefined);
  });
  const seen: object[] = [];

  @AuthorizeChannel('private-durable')
  @Injectable({ scope: Scope.REQUEST, durable: true })
  class DurableChannel implements ChannelAuthorizer {
    authorize(): boolean {
      seen.push(this);
      return true;
    }
  }
  const { url } = await startHost({ provider: 'ws' }, { providers: [DurableChannel] });
  for (const tenant of ['one', 'two', 'one']) expect(await ask(url, 'private-durable', tenant)).toBe(200);
  expect(new Set(seen).size).toBe(2);
  expect(seen[2]).toBe(seen[0]);
});

test('with the fake, where there is no request, a request-scoped authorizer has one without headers', async () => {
  @AuthorizeChannel('private-guests')
  class GuestsChannel implements ChannelAuthorizer {
    constructor(readonly tenant: Tenant) {}
    authorize(): boolean {
      return this.tenant.name === undefined;
    }
  }
  const { fake } = await startFake({}, { providers: [Tenant, GuestsChannel] });
  const ada = await fake.connect('ada');
  await expect(ada.subscribe('private-guests')).resolves.toBeUndefined();
});

describe('authorizers that have much in common', () => {
  interface Owned {
    readonly ownerId: string;
  }

  /** The rule, for records of any kind. */
  @Injectable()
  abstract class RecordChannel<Found extends Owned> implements ChannelAuthorizer<{ id: string }> {
    protected abstract find(id: string): Promise<Found | undefined>;

    async authorize(member: Identity, { id }: { id: string }): Promise<boolean> {
      return (await this.find(id))?.ownerId === member.id;
    }
  }

  @AuthorizeChannel('private-orders.{id}')
  class OrderChannel extends RecordChannel<Owned & { readonly total: number }> {
    protected async find(id: string) {
      return Promise.resolve(id === '7' ? { ownerId: 'ada', total: 12 } : undefined);
    }
  }

  @AuthorizeChannel('private-notes.{id}')
  class NoteChannel extends RecordChannel<Owned> {
    protected async find() {
      return Promise.resolve({ ownerId: 'alan' });
    }
  }

  /** In a deployment of its own there is another table. */
  @Injectable()
  class ArchivedOrderChannel extends OrderChannel {
    protected override async find() {
      return Promise.resolve({ ownerId: 'alan', total: 0 });
    }
  }

  test('extend an abstract generic class', async () => {
    const { fake } = await startFake({}, { providers: [OrderChannel, NoteChannel] });
    const ada = await fake.connect('ada');
    await ada.subscribe('private-orders.7');
    await expect(ada.subscribe('private-notes.7')).rejects.toThrow('no authorizer admits');
  });

  test('have the pattern of the class that they extend', async () => {
    const { fake } = await startFake({}, { providers: [ArchivedOrderChannel] });
    await (await fake.connect('alan')).subscribe('private-orders.7');
    await expect((await fake.connect('ada')).subscribe('private-orders.7')).rejects.toThrow('no authorizer');
  });

  test('and are refused, both by their names, where two of them are left with one pattern', async () => {
    await expect(startFake({}, { providers: [OrderChannel, ArchivedOrderChannel] })).rejects.toThrow(
      /ArchivedOrderChannel in HostModule: another authorizer covers the same channels: OrderChannel in HostModule/,
    );
  });
});
