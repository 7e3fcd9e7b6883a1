import {
  type AdapterCapabilities,
  type Environment,
  type Kind,
  kinds,
  type Section,
  setting,
  type SocketAdapter,
  socketConfig,
  withSettings,
} from 'nestjs-switchboard';
import { problemsOf } from '../support/config-problems.js';

const acmeSettings = {
  acme: {
    url: setting('ACME_URL', kinds.textLike(/^acme:/, 'must be like acme://host')),
    token: setting('ACME_TOKEN', kinds.text, { isSecret: true }),
    retry: { attempts: setting('ACME_RETRY_ATTEMPTS', kinds.wholeNumber(1, 9), { default: 3 }) },
  },
};

const acme = adapter('acme', acmeSettings, {
  problems: ({ acme: { url } }, isChosen) =>
    isChosen && url === undefined
      ? [{ variable: 'ACME_URL', problem: 'is required by the provider "acme"' }]
      : [],
});

const ON_ACME = { SOCKET_PROVIDER: 'acme', ACME_URL: 'acme://here' };
const read = (environment: Environment, adapters: readonly SocketAdapter[] = [acme]) =>
  socketConfig(environment, {}, { adapters });
const problems = (environment: Environment, adapters?: readonly SocketAdapter[]) =>
  problemsOf(() => read(environment, adapters));

/** An adapter that nobody starts. */
function adapter<Sections extends Section>(
  name: string,
  settings: Sections,
  more: Partial<SocketAdapter<Sections>> = {},
): SocketAdapter<Sections> {
  return {
    name,
    settings,
    create: () => Promise.reject(new Error('never started')),
    clientOptions: () => ({}),
    ...more,
  };
}

const plain = (name: string, capabilities: AdapterCapabilities = {}) => adapter(name, {}, { capabilities });

describe('an adapter from outside', () => {
  test('makes its name valid, beside the built-in ones', () => {
    expect(read(ON_ACME).provider).toBe('acme');
    expect(problems({ ...ON_ACME, SOCKET_PROVIDER: 'acne' })).toEqual([
      'SOCKET_PROVIDER: must be one of: ws, pusher, socket-io, memory, acme; or two of ws, pusher, socket-io and acme, ' +
        'the first of them first, like pusher,ws; it is "acne"',
    ]);
    expect(problems(ON_ACME, [])).toEqual([
      expect.stringMatching(/^SOCKET_PROVIDER: must be one of: ws, pusher, socket-io, memory;/),
    ]);
    expect(problems({ NODE_ENV: 'production', ACME_URL: 'acme://here' })).toContain(
      'SOCKET_PROVIDER: is required in production; one of: ws, pusher, socket-io, memory, acme',
    );
  });

  test('may be one of two providers, unless it is a fake', () => {
    expect(read({ ...ON_ACME, SOCKET_PROVIDER: 'acme,ws' })).toMatchObject({
      provider: 'acme',
      second: { provider: 'ws', role: 'failover' },
    });
    const fake = plain('pretence', { isFake: true });
    expect(problems({ SOCKET_PROVIDER: 'pretence,ws' }, [fake])).toHaveLength(1);
    expect(read({ SOCKET_PROVIDER: 'pretence' }, [fake]).failure).toBe('throw');
  });

  test('has its sections in the configuration, with their defaults', () => {
    expect(read(ON_ACME)).toMatchObject({ acme: { url: 'acme://here', retry: { attempts: 3 } } });
    expect(read({})).toMatchObject({ provider: 'ws', acme: { retry: { attempts: 3 } } });
    expect(read({ ...ON_ACME, ACME_RETRY_ATTEMPTS: '5' })).toMatchObject({
      acme: { retry: { attempts: 5 } },
    });
  });

  test('has its problems among all others, its secrets hidden', () => {
    const environment = {
      ACME_URL: 'http://here',
      ACME_RETRY_ATTEMPTS: '0',
      PUSHER_PORT: '0',
      SOCKET_FAILURE: 'no',
    };
    expect(problems({ ...environment, SOCKET_PROVIDER: 'acme' })).toEqual([
      'SOCKET_FAILURE: must be one of: report, throw; it is "no"',
      'PUSHER_PORT: must be a whole number from 1 to 65535; it is "0"',
      'ACME_URL: must be like acme://host; it is "http://here"',
      'ACME_RETRY_ATTEMPTS: must be a whole number from 1 to 9; it is "0"',
    ]);
    const hidden = withSettings(acme, { acme: { token: 7 as unknown as string } });
    expect(problems({}, [hidden])).toEqual([
      'acme.token: must be a text that is not empty; it is a value of the kind number',
    ]);
  });

  test('may check its settings with another library than valibot, at once', () => {
    const lengthOf = (value: unknown) =>
      typeof value === 'string' && value.length > 1
        ? { value: value.length }
        : { issues: [{ message: 'must be two letters, or more' }] };
    const counting = (validate: Kind<number, string>['schema']['~standard']['validate']) =>
      adapter('count', {
        count: {
          word: setting('COUNT_WORD', { fromText: (text) => text, schema: { '~standard': { validate } } }),
        },
      });
    expect(read({ COUNT_WORD: 'four' }, [counting(lengthOf)])).toMatchObject({ count: { word: 4 } });
    expect(problems({ COUNT_WORD: '4' }, [counting(lengthOf)])).toEqual([
      'COUNT_WORD: must be two letters, or more; it is "4"',
    ]);
    expect(problems({ COUNT_WORD: 'four' }, [counting(async (value) => lengthOf(value))])).toEqual([
      'COUNT_WORD: has a schema that returns a promise; it must check at once; it is "four"',
    ]);
  });

  test('finds what no single setting can be blamed for, when it is chosen', () => {
    expect(problems({ SOCKET_PROVIDER: 'acme' })).toEqual(['ACME_URL: is required by the provider "acme"']);
    expect(problems({ SOCKET_PROVIDER: 'ws' })).toEqual([]);
  });

  test('that fails while it looks for problems is named, and hides no other problem', () => {
    const broken = adapter(
      'mine',
      {},
      {
        problems: () => {
          throw new TypeError('url is undefined');
        },
      },
    );
    const lines = problems({ SOCKET_PROVIDER: 'acme', SOCKET_HTTP_API_PORT: '6001', SOCKET_FAILURE: 'no' }, [
      broken,
      acme,
    ]);
    expect(lines).toEqual([
      'SOCKET_FAILURE: must be one of: report, throw; it is "no"',
      'SOCKET_HTTP_API_PORT: has no effect without SOCKET_HTTP_API=true',
      'adapters: problems() of "mine" failed: url is undefined',
      'ACME_URL: is required by the provider "acme"',
    ]);
    expect(problems({}, [broken])).toEqual(['adapters: problems() of "mine" failed: url is undefined']);
  });

  test('takes settings in code, which win over the environment', () => {
    const settled = withSettings(acme, { acme: { url: 'acme://code', retry: { attempts: 1 } } });
    const config = read({ ...ON_ACME, ACME_RETRY_ATTEMPTS: '9', ACME_TOKEN: 't' }, [settled]);
    expect(config).toMatchObject({ acme: { url: 'acme://code', token: 't', retry: { attempts: 1 } } });
    expect(read(ON_ACME)).toMatchObject({ acme: { url: 'acme://here' } });
    expect(problems(ON_ACME, [withSettings(acme, { acme: { url: 'code' } })])).toEqual([
      'acme.url: must be like acme://host; it is "code"',
    ]);
  });

  test('needs credentials in production only where it uses them', () => {
    const needed = (capabilities: AdapterCapabilities, environment: Environment = {}) =>
      problems({ ...environment, SOCKET_PROVIDER: 'plain' }, [plain('plain', capabilities)]);
    const production = { NODE_ENV: 'production' };
    expect(needed({}, production)).toEqual([]);
    expect(needed({ signsInAsPusher: true })).toEqual([]);
    expect(needed({ signsInAsPusher: true }, production)[0]).toBe('SOCKET_APP_ID: is required in production');
    expect(needed({ needsCredentials: true })[0]).toBe('SOCKET_APP_ID: is required by the provider "plain"');
  });
});

describe('adapters that cannot be told apart', () => {
  const url = (variable: string) => ({ url: setting(variable, kinds.text) });

  test.each<[string, readonly SocketAdapter[], string]>([
    ['have one name', [plain('acme'), plain('acme')], 'adapters: two of them have the name "acme"'],
    ['have the name of a built-in one', [plain('ws')], 'adapters: two of them have the name "ws"'],
    [
      'have a name with other characters',
      [plain('Acme_1')],
      'adapters: a name has lower-case letters, digits and hyphens only; it is "Acme_1"',
    ],
    [
      'have one section',
      [adapter('one', { shared: url('ONE_URL') }), adapter('two', { shared: url('TWO_URL') })],
      'adapters: the section "shared" can have one owner only, and not the adapter "one" and the adapter "two"',
    ],
    [
      'have a section of the package',
      [adapter('one', { gateway: url('ONE_URL') })],
      'adapters: the section "gateway" can have one owner only, and not the package and the adapter "one"',
    ],
    [
      'have a section of a built-in adapter',
      [adapter('one', { webhooks: url('ONE_URL') })],
      'adapters: the section "webhooks" can have one owner only, and not the adapter "ws" and the adapter "one"',
    ],
    [
      'have a variable of the package',
      [adapter('one', { one: url('SOCKET_REDIS_URL') })],
      'adapters: the variable SOCKET_REDIS_URL can have one owner only, and not the package and the adapter "one"',
    ],
    [
      'have NODE_ENV as a variable',
      [adapter('one', { one: url('NODE_ENV') })],
      'adapters: the variable NODE_ENV can have one owner only, and not the package and the adapter "one"',
    ],
    [
      'have PORT as a variable',
      [adapter('one', { one: url('PORT') })],
      'adapters: the variable PORT can have one owner only, and not the package and the adapter "one"',
    ],
    ...[
      'adapters',
      'env',
      'gatewayPath',
      'identify',
      'metrics',
      'onRelayError',
      'path',
      'constructor',
      '__proto__',
    ].map((section): [string, readonly SocketAdapter[], string] => [
      `have a section that is named "${section}"`,
      [adapter('one', Object.fromEntries([[section, url('ONE_URL')]]))],
      `adapters: the section "${section}" can have one owner only, and not the package and the adapter "one"`,
    ]),
  ])('are refused where they %s', (_, adapters, line) => {
    expect(problems({}, adapters)).toEqual([line]);
  });
});
