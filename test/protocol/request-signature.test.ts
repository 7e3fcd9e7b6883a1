import {
  bodyMd5,
  bodyProblem,
  requestProblem,
  requestStringToSign,
  SIGNATURE_WINDOW_S,
  signRequest,
} from '../../src/protocol/request-signature.js';

const app = { id: '3', key: '278d425bdf160c739803', secret: '7ad3773142a6692b25b8' };

// Pusher's own worked example.
const BODY = '{"name":"foo","channels":["project-3"],"data":"{\\"some\\":\\"data\\"}"}';
const SIGNATURE = 'da454824c97ba181a32ccc17a72625ba02771f50b50e1e7430e47a1f3f457e6c';
const TIME = 1_353_088_179;
const PARAMETERS: Readonly<Record<string, string>> = {
  auth_key: app.key,
  auth_timestamp: String(TIME),
  auth_version: '1.0',
  body_md5: 'ec365a775a4cd0599faeb73354201b6f',
};

const example = (changes: Readonly<Record<string, string>> = {}) => ({
  method: 'POST',
  path: '/apps/3/events',
  parameters: new Map(Object.entries({ ...PARAMETERS, ...changes })),
});
const signed = (changes: Readonly<Record<string, string>> = {}) =>
  example({ auth_signature: SIGNATURE, ...changes });
const now = (offsetS = 0) => (TIME + offsetS) * 1_000;

describe('The string to sign (3.14)', () => {
  test('of the published example is the published one', () => {
    expect(requestStringToSign(example())).toBe(
      'POST\n/apps/3/events\nauth_key=278d425bdf160c739803&auth_timestamp=1353088179&auth_version=1.0&body_md5=ec365a775a4cd0599faeb73354201b6f',
    );
  });

  test('has the keys sorted, and the values as they are', () => {
    const parameters = new Map([
      ['name', 'Something else'],
      ['auth_key', 'foo'],
      ['info', 'a,b&c=d%20+é'],
      ['alpha', ''],
    ]);
    expect(requestStringToSign({ method: 'GET', path: '/x%23y', parameters })).toBe(
      'GET\n/x%23y\nalpha=&auth_key=foo&info=a,b&c=d%20+é&name=Something else',
    );
  });

  test('leaves the signature itself out', () => {
    const parameters = new Map([
      ['auth_key', 'foo'],
      ['auth_signature', 'x'],
    ]);
    expect(requestStringToSign({ method: 'GET', path: '/', parameters })).toBe('GET\n/\nauth_key=foo');
  });
});

describe('A request’s signature (3.14)', () => {
  test('of the published example is the published one, and so is the MD5 of its body', () => {
    expect(signRequest(app.secret, example())).toBe(SIGNATURE);
    expect(bodyMd5(BODY)).toBe(PARAMETERS['body_md5']);
    expect(requestProblem(app, signed(), now())).toBeUndefined();
    expect(bodyProblem(signed().parameters, Buffer.from(BODY))).toBeUndefined();
  });

  test.each([0, 1, -1, SIGNATURE_WINDOW_S, -SIGNATURE_WINDOW_S])(
    'holds when the clocks are %i s apart',
    (s) => {
      expect(requestProblem(app, signed(), now(s))).toBeUndefined();
    },
  );

  test.each([SIGNATURE_WINDOW_S + 1, -SIGNATURE_WINDOW_S - 1, 86_400])(
    'does not hold when the clocks are %i s apart, and both are told',
    (s) => {
      const problem = requestProblem(app, signed(), now(s));
      expect(problem).toContain('not within 600s');
      expect(problem).toContain(String(TIME));
      expect(problem).toContain(String(TIME + s));
    },
  );

  test.each(['auth_key', 'auth_timestamp', 'auth_version', 'auth_signature'])(
    'is missed by name without %s',
    (name) => {
      const request = signed();
      request.parameters.delete(name);
      expect(requestProblem(app, request, now())).toBe(`Missing parameter: ${name}`);
    },
  );

  test.each([
    ['another key', { auth_key: 'other' }, 'Unknown auth_key'],
    ['another version', { auth_version: '2.0' }, 'Unknown auth_version'],
    ['a timestamp that is text', { auth_timestamp: 'now' }, 'Invalid auth_timestamp'],
    ['an empty timestamp', { auth_timestamp: '' }, 'Invalid auth_timestamp'],
    ['a negative timestamp', { auth_timestamp: '-1' }, 'Invalid auth_timestamp'],
    ['a fraction of a second', { auth_timestamp: `${TIME}.5` }, 'Invalid auth_timestamp'],
    ['a hexadecimal timestamp', { auth_timestamp: '0x50a68933' }, 'Invalid auth_timestamp'],
    ['another timestamp', { auth_timestamp: String(TIME + 1) }, 'Invalid signature'],
    ['another body’s MD5', { body_md5: bodyMd5('other') }, 'Invalid signature'],
    ['a parameter more', { info: 'user_count' }, 'Invalid signature'],
    ['no signature to speak of', { auth_signature: '' }, 'Invalid signature'],
    ['a signature in capitals', { auth_signature: SIGNATURE.toUpperCase() }, 'Invalid signature'],
    ['a signature cut short', { auth_signature: SIGNATURE.slice(1) }, 'Invalid signature'],
    ['as many characters but more bytes', { auth_signature: 'é'.repeat(64) }, 'Invalid signature'],
  ])('does not hold with %s', (_, changes, problem) => {
    expect(requestProblem(app, signed(changes), now())).toContain(problem);
  });

  test('does not hold for another method or another path', () => {
    expect(requestProblem(app, { ...signed(), method: 'GET' }, now())).toContain('Invalid signature');
    expect(requestProblem(app, { ...signed(), path: '/apps/4/events' }, now())).toContain(
      'Invalid signature',
    );
  });

  test('behind a path prefix may cover the path with it or without it', () => {
    const prefixed = { ...signed(), path: '/ws/apps/3/events' };
    expect(requestProblem(app, prefixed, now())).toContain('Invalid signature');
    expect(requestProblem(app, prefixed, now(), '/apps/3/events')).toBeUndefined();
    prefixed.parameters.set('auth_signature', signRequest(app.secret, prefixed));
    expect(requestProblem(app, prefixed, now(), '/apps/3/events')).toBeUndefined();
  });

  test('that is wrong is told with what should have been signed, and never with the right one', () => {
    const problem = requestProblem(app, signed({ auth_signature: 'wrong' }), now());
    expect(problem).toContain(JSON.stringify(requestStringToSign(example())));
    expect(problem).not.toContain(SIGNATURE);
    expect(problem).not.toContain(app.secret);
  });
});

describe('A body (3.14)', () => {
  test('has to be the one whose MD5 was signed, to the byte', () => {
    const { parameters } = signed();
    expect(bodyProblem(parameters, Buffer.from(`${BODY} `))).toContain('Invalid body_md5');
    expect(bodyProblem(parameters, Buffer.alloc(0))).toContain('Invalid body_md5');
    expect(bodyProblem(new Map([['body_md5', bodyMd5(BODY).toUpperCase()]]), Buffer.from(BODY))).toContain(
      'Invalid body_md5',
    );
  });

  test('that is there needs an MD5, and one that is not there needs none', () => {
    expect(bodyProblem(new Map(), Buffer.from(BODY))).toContain('Missing parameter: body_md5');
    expect(bodyProblem(new Map(), Buffer.alloc(0))).toBeUndefined();
    expect(bodyProblem(new Map([['body_md5', bodyMd5('')]]), Buffer.alloc(0))).toBeUndefined();
  });

  test('is hashed as the bytes that came, whatever they mean', () => {
    const bytes = Buffer.from([0xff, 0xfe, 0x00]);
    expect(bodyProblem(new Map([['body_md5', bodyMd5(bytes)]]), bytes)).toBeUndefined();
    expect(bodyMd5('žluťoučký 👩‍🚀')).toBe(bodyMd5(Buffer.from('žluťoučký 👩‍🚀')));
  });
});
