import { jest } from '@jest/globals';
import { OpenAsks } from '../../src/channels/open-asks.js';
import type { Session } from '../../src/channels/session.js';
import { Users } from '../../src/channels/users.js';
import { ClusterUnreachableError } from '../../src/ports/cluster.js';
import { SocketNoAnswerError } from '../../src/ports/errors.js';
import { anError, type EngineClient, EngineSession } from '../support/engine-session.js';

/** The ask that a client was sent. */
function askedOf(client: EngineClient): { id: string; event: string; payload?: unknown } {
  const [frame] = client.hears();
  expect(frame).toMatchObject({ event: 'switchboard:ask' });
  return frame?.data as { id: string; event: string };
}

function answers(client: EngineClient, id: string, answer: object): void {
  client.says('switchboard:answer', { id, ...answer });
}

const ask = ({ engine }: EngineSession, memberId = 'ada', timeoutMs = 1_000) =>
  engine.ask(memberId, 'STILL_THERE', '{"since":5}', timeoutMs);

describe('An ask of a member', () => {
  test('goes to every browser of the member and to nobody else; the first answer counts', async () => {
    const session = new EngineSession();
    const [one, two, bob] = [session.signsIn('ada'), session.signsIn('ada'), session.signsIn('bob')];
    const asked = ask(session);
    const { id, event, payload } = askedOf(one);
    expect({ event, payload }).toEqual({ event: 'STILL_THERE', payload: { since: 5 } });
    expect(askedOf(two)).toMatchObject({ id });
    expect(bob.hears()).toEqual([]);
    answers(two, id, { payload: { yes: 1 } });
    answers(one, id, { payload: { yes: 2 } });
    expect(await asked).toEqual({ yes: 1 });
    expect(one.hears()).toEqual([]);
  });

  test('may be answered without a payload', async () => {
    const session = new EngineSession();
    const ada = session.signsIn('ada');
    const asked = ask(session);
    answers(ada, askedOf(ada).id, {});
    expect(await asked).toBeUndefined();
  });

  test('is not answered by another member, who would have to guess its id, nor by one browser twice', async () => {
    const session = new EngineSession();
    const [ada, again, bob] = [session.signsIn('ada'), session.signsIn('ada'), session.signsIn('bob')];
    const asked = ask(session);
    const { id } = askedOf(ada);
    answers(bob, id, { payload: 'forged' });
    answers(ada, id, { error: { message: 'busy' } });
    answers(ada, id, { payload: 'second' });
    answers(again, id, { payload: 'first' });
    expect(await asked).toBe('first');
    expect([...bob.hears(), ...ada.hears()]).toEqual([]);
  });

  test('fails at once when nobody is connected, and when every browser failed', async () => {
    const session = new EngineSession();
    await expect(ask(session)).rejects.toMatchObject({ memberId: 'ada', isConnected: false });
    const ada = session.signsIn('ada');
    const asked = ask(session);
    answers(ada, askedOf(ada).id, { error: { message: 'no handler' } });
    await expect(asked).rejects.toThrow('no browser could answer. A browser failed: "no handler"');
    expect(session.clock.timers).toBe(1);
  });

  test('fails after its time, and says who did not answer; a later answer is dropped', async () => {
    const session = new EngineSession();
    const ada = session.signsIn('ada');
    const asked = ask(session);
    const { id } = askedOf(ada);
    session.clock.advance(1_000);
    await expect(asked).rejects.toThrow(SocketNoAnswerError);
    await expect(asked).rejects.toThrow(
      'Member "ada" was asked "STILL_THERE", and did not answer within 1000 ms',
    );
    answers(ada, id, { payload: 1 });
    expect(ada.hears().filter(({ event }) => event === 'pusher:error')).toEqual([]);
  });

  test('fails when the engine closes', async () => {
    const session = new EngineSession();
    session.signsIn('ada');
    const asked = ask(session);
    await session.engine.close();
    await expect(asked).rejects.toThrow(SocketNoAnswerError);
  });

  test('fails at once when the other nodes cannot be reached, unless a browser of this node can answer', async () => {
    const unreachable = new ClusterUnreachableError('Redis is away');
    const away = () =>
      new EngineSession({}, false, (cluster) => {
        Object.defineProperty(cluster, 'node', { value: 'n1' });
        cluster.ask = jest.fn(() => Promise.reject(unreachable));
        return cluster;
      });
    await expect(ask(away())).rejects.toMatchObject({ isConnected: false, cause: unreachable });
    const session = away();
    const ada = session.signsIn('ada');
    const asked = ask(session);
    answers(ada, askedOf(ada).id, { payload: 'here' });
    expect(await asked).toBe('here');
  });

  test('of another node is answered for it, once for each browser, until the first answer', () => {
    const session = new EngineSession();
    const [one, two] = [session.signsIn('ada'), session.signsIn('ada')];
    const answered: unknown[] = [];
    const foreign = { id: 'an-id', event: 'STILL_THERE', json: undefined, timeoutMs: 1_000 };
    session.engine.askedElsewhere('#server-to-user-ada', foreign, (answer) => answered.push(answer));
    answers(one, askedOf(one).id, { error: { message: 'busy' } });
    answers(two, 'an-id', { payload: [1] });
    answers(one, 'an-id', { payload: 'late' });
    expect(answered).toEqual([{ error: 'busy' }, { json: '[1]' }]);
  });
});

describe('An answer is refused, and the connection stays,', () => {
  test('when it is too large', async () => {
    const session = new EngineSession();
    const ada = session.signsIn('ada');
    const asked = ask(session);
    answers(ada, askedOf(ada).id, { payload: 'x'.repeat(20_000) });
    expect(ada.hears()).toEqual([anError(4303)]);
    await expect(asked).rejects.toThrow(
      /A browser failed: "Answer refused: it has 200\d\d bytes, 16384 are allowed"/,
    );
  });

  test('when it is nested too deeply to be written again, where its size is not limited', () => {
    const session = new EngineSession();
    const ada = session.signsIn('ada');
    const deep = JSON.parse('['.repeat(200_000) + ']'.repeat(200_000)) as unknown;
    const user = { connection: ada } as unknown as Session;
    const users = new Users();
    users.add(user, '#server-to-user-ada');
    const asks = new OpenAsks(session.clock, users, 0);
    const answered: unknown[] = [];
    const ask = { id: 'an-id', event: 'X', json: undefined, timeoutMs: 1_000 };
    asks.open(
      '#server-to-user-ada',
      ask,
      (answer) => answered.push(answer),
      () => undefined,
    );
    expect(() => {
      asks.answered(user, { id: 'an-id', payload: deep, error: undefined }, '');
    }).toThrow('Answer refused: it is nested too deeply');
    expect(answered).toEqual([{ error: 'Answer refused: it is nested too deeply' }]);
    asks.close();
    expect(session.clock.timers).toBe(1);
  });

  test.each([
    ['no object', 7],
    ['no id', {}],
    ['an empty id', { id: '' }],
    ['an id that is no text', { id: 7 }],
    ['an id of 65 characters', { id: 'x'.repeat(65) }],
  ])('when it has %s', (_, data) => {
    const ada = new EngineSession().signsIn('ada');
    ada.says('switchboard:answer', data);
    expect(ada.hears()).toEqual([anError(null)]);
  });
});
