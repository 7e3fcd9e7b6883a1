import { type PendingJoin, PendingJoins } from '../../../../src/cluster/redis/channels/pending-joins.js';

function pending() {
  let now = 0;
  const answers: string[] = [];
  const joins = new PendingJoins((error) => answers.push(String(error)));
  const add = (userId: string | undefined, done?: PendingJoin['done']) => {
    joins.add({
      userId,
      since: now++,
      done: done ?? ((refusal) => answers.push(`${userId ?? 'nobody'} ${refusal ?? 'in'}`)),
    });
  };
  return { joins, add, answers };
}

describe('Joins that wait for an answer', () => {
  test('are answered in their order, and refused one by one', () => {
    const { joins, add, answers } = pending();
    add('ada');
    add(undefined);
    add('bob');
    joins.answer(joins.take(), (userId) => userId === 'ada');
    expect([answers, joins.isEmpty]).toEqual([['ada full', 'nobody in', 'bob in'], true]);
  });

  test('stay when they are not taken out, and return to the front when they are put back', () => {
    const { joins, add, answers } = pending();
    add('ada');
    add('bob');
    const taken = joins.take(({ userId }) => userId === 'bob');
    add('cy');
    expect(joins.isEmpty).toBe(false);
    joins.putBack(taken);
    joins.answer(joins.take(), () => false);
    expect(answers).toEqual(['bob in', 'ada in', 'cy in']);
  });

  test('are all answered, also when a callback throws', () => {
    const { joins, add, answers } = pending();
    add('ada', () => {
      throw new Error('oh');
    });
    add('bob');
    joins.answer(joins.take(), () => false);
    expect(answers).toEqual(['Error: oh', 'bob in']);
  });

  test('are answered once, also when Redis accepts them after they were answered without it', () => {
    const { joins, add, answers } = pending();
    add('ada');
    add('bob');
    const [ada, ...others] = joins.take();
    joins.accept([ada].filter((join) => join !== undefined));
    expect([answers, joins.oldestSince]).toEqual([[], 0]);
    joins.answerAll(() => false, 0);
    expect([answers, joins.oldestSince]).toEqual([['ada in'], 1]);
    joins.answerAccepted();
    joins.answer(others, () => false);
    expect([answers, joins.oldestSince]).toEqual([['ada in', 'bob in'], undefined]);
  });
});
