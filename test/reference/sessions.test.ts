import { Sessions } from '../../src/reference/sessions/sessions.js';

const ADA = { id: 'ada', info: { name: 'Ada' } };
const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

describe('A session of the reference backend', () => {
  test('is believed by every node that has the same secret, and by no other', () => {
    const token = new Sessions('secret').open(ADA);
    expect(new Sessions('secret').identify(bearer(token))).toEqual(ADA);
    expect(new Sessions('another').identify(bearer(token))).toBeNull();
  });

  test.each([
    ['without a signature', (token: string) => token.split('.')[0] ?? ''],
    ['with an empty signature', (token: string) => `${token.split('.')[0] ?? ''}.`],
    ['whose claims were changed', (token: string) => `A${token.slice(1)}`],
    ['whose signature was cut', (token: string) => token.slice(0, -2)],
    ['that is nonsense', () => 'nonsense.nonsense'],
    ['that is nothing', () => ''],
  ])('%s is nobody', (_, change) => {
    const sessions = new Sessions('secret');
    expect(sessions.identify(bearer(change(sessions.open(ADA))))).toBeNull();
  });

  test('is over when all sessions of the member are ended, and nobody else’s is', () => {
    const sessions = new Sessions('secret');
    const [ada, alan] = [sessions.open(ADA), sessions.open({ id: 'alan' })];
    sessions.endAllOf('ada');
    expect(sessions.identify(bearer(ada))).toBeNull();
    expect(sessions.identify(bearer(alan))).toEqual({ id: 'alan' });
  });
});
