import { AuthorizeChannel, type ChannelAuthorizer, type Identity } from 'nestjs-switchboard';
import { ChannelPattern } from '../../../../src/protocol/channel-pattern.js';
import { startFake } from '../../../support/hosts.js';
import { titled } from '../../../support/titled.js';

/** An authorizer of one pattern that admits everybody and remembers the placeholders. */
function authorizerOf(pattern: string) {
  const seen: Record<string, string>[] = [];
  @AuthorizeChannel(pattern)
  class Authorizer implements ChannelAuthorizer {
    authorize(_member: Identity, params: Record<string, string>): boolean {
      seen.push(params);
      return true;
    }
  }
  return { Authorizer, seen };
}

/** The values of the placeholders in a channel's name; `undefined` when the pattern does not cover it. */
async function covered(pattern: string, channel: string): Promise<Record<string, string> | undefined> {
  const { Authorizer, seen } = authorizerOf(pattern);
  const { fake } = await startFake({}, { providers: [Authorizer] });
  const alice = await fake.connect('alice');
  await alice.subscribe(channel).catch(() => undefined);
  return seen[0];
}

describe('a pattern covers', () => {
  test.each([
    ['private-orders.{orderId}', 'private-orders.7', { orderId: '7' }],
    ['private-orders.{orderId}', 'private-orders.a-b_c=@,;', { orderId: 'a-b_c=@,;' }],
    ['private-{shop}.orders.{orderId}', 'private-eu.orders.7', { shop: 'eu', orderId: '7' }],
    ['presence-{room}', 'presence-lobby', { room: 'lobby' }],
    ['presence-lobby', 'presence-lobby', {}],
    ['private-cache-{a}', 'private-cache-7', { a: '7' }],
    ['private-@,;=_-.{a}', 'private-@,;=_-.7', { a: '7' }],
    ['private-{_a1}', 'private-7', { _a1: '7' }],
    ['private-{a}-{b}', 'private-1-2', { a: '1', b: '2' }],
    ['private-{constructor}', 'private-7', { constructor: '7' }],
  ])('%s: %s', async (pattern, channel, params) => {
    expect(await covered(pattern, channel)).toEqual(params);
  });
});

describe('a pattern does not cover', () => {
  test.each([
    ['what begins before it', 'presence-room', 'presence-roomy'],
    ['what stands before it', 'private-orders.{id}', 'private-private-orders.7'],
    ['a placeholder of two segments', 'private-orders.{id}', 'private-orders.7.items'],
    ['an empty placeholder', 'private-orders.{id}', 'private-orders.'],
    ['another character for its dot', 'private-orders.{id}', 'private-orders-7'],
    ['the same name in other letters', 'private-orders.{id}', 'private-Orders.7'],
    ['a channel of another kind', 'private-{id}', 'presence-7'],
  ])('%s', async (_, pattern, channel) => {
    expect(await covered(pattern, channel)).toBeUndefined();
  });
});

describe('a bad pattern', () => {
  test.each(
    titled([
      '',
      'orders.{id}',
      'public-{id}',
      'cache-{id}',
      '{kind}-orders',
      'Private-orders',
      '#server-to-user-{id}',
      'private-or ders',
      'private-*',
      'private-orders.{}',
      'private-orders.{7}',
      'private-orders.{order id}',
      'private-orders.{order-id}',
      'private-orders.{orderId',
      'private-orders.orderId}',
      'private-orders.{{id}}',
      'private-orders.{id}/items',
      'private-ordérs',
      'private-orders.{id}\n',
    ]),
  )('%s is a TypeError where the class is defined', (_, pattern) => {
    expect(() => authorizerOf(pattern)).toThrow(TypeError);
    expect(() => authorizerOf(pattern)).toThrow(JSON.stringify(pattern));
  });

  test('with one placeholder twice is a TypeError too', () => {
    expect(() => authorizerOf('private-{id}.{id}')).toThrow(TypeError);
    expect(() => authorizerOf('private-{id}.{id}')).toThrow('"private-{id}.{id}"');
  });
});

describe('of two patterns that cover a channel', () => {
  test.each([
    ['private-orders.{id}', 'private-{kind}.{id}', 'private-orders.7'],
    ['private-orders.special', 'private-orders.{id}', 'private-orders.special'],
    ['presence-room.{id}', 'presence-{name}.{id}', 'presence-room.7'],
    ['private-cache-{id}', 'private-{id}', 'private-cache-7'],
  ])('%s decides before %s, in whichever order they are provided', async (specific, general, channel) => {
    for (const inOrder of [true, false]) {
      const [first, second] = [authorizerOf(specific), authorizerOf(general)];
      const providers = inOrder
        ? [first.Authorizer, second.Authorizer]
        : [second.Authorizer, first.Authorizer];
      const { fake } = await startFake({}, { providers });
      await (await fake.connect('alice')).subscribe(channel);
      expect(first.seen).toHaveLength(1);
      expect(second.seen).toEqual([]);
    }
  });

  test('the more specific one refuses for both', async () => {
    @AuthorizeChannel('private-orders.secret')
    class Closed implements ChannelAuthorizer {
      authorize(): boolean {
        return false;
      }
    }
    const open = authorizerOf('private-orders.{id}');
    const { fake } = await startFake({}, { providers: [open.Authorizer, Closed] });
    const alice = await fake.connect('alice');
    await expect(alice.subscribe('private-orders.secret')).rejects.toThrow(
      'no authorizer admits this member',
    );
    await alice.subscribe('private-orders.7');
    expect(open.seen).toEqual([{ id: '7' }]);
  });
});

describe('two authorizers of one shape', () => {
  test.each([
    ['private-orders.{id}', 'private-orders.{id}'],
    ['private-orders.{id}', 'private-orders.{orderId}'],
    ['presence-lobby', 'presence-lobby'],
  ])('%s and %s are an error at the start that names the pattern', async (left, right) => {
    const providers = [authorizerOf(left).Authorizer, authorizerOf(right).Authorizer];
    const starting = startFake({}, { providers });
    await expect(starting).rejects.toMatchObject({ code: 'INVALID_CONFIGURATION' });
    await expect(starting).rejects.toThrow(`@AuthorizeChannel("${right}")`);
  });

  test('are no error when only the kinds of channel differ', async () => {
    const providers = [authorizerOf('private-a.{id}').Authorizer, authorizerOf('presence-a.{id}').Authorizer];
    await expect(startFake({}, { providers })).resolves.toBeDefined();
  });
});

test('the longest name is read in no time, whatever the pattern', () => {
  const pattern = new ChannelPattern('private-{a}-{b}-{c}-{d}-{e}');
  const started = performance.now();
  expect(pattern.match(`private-${'a-'.repeat(77)}.`)).toBeUndefined();
  // Five placeholders took seconds when each could also stand for what follows it.
  expect(performance.now() - started).toBeLessThan(100);
});

describe('fill', () => {
  const pattern = new ChannelPattern('private-shops.{shop}.orders-{id}');

  test('makes the channel that matches with these values', () => {
    const values = { shop: 'north', id: '7', more: 'x' };
    expect(pattern.fill(values)).toBe('private-shops.north.orders-7');
    expect(new ChannelPattern('news').fill({})).toBe('news');
  });

  test.each([
    ['a dot', { shop: 'north.orders-1', id: '7' }],
    ['nothing', { shop: '', id: '7' }],
    ['no text', { shop: 'north', id: 7 }],
    ['no value', { shop: 'north' }],
    ['a character that no channel has', { shop: 'no rth', id: '7' }],
    ['a pattern of a replacement', { shop: '$&', id: '7' }],
    ['more characters than a channel has', { shop: 'x'.repeat(164), id: '7' }],
  ])('makes none of a value that has %s', (_what, values) => {
    expect(pattern.fill(values)).toBeUndefined();
  });
});
