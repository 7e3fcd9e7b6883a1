import { SocketNoAnswerError } from '../../../src/ports/errors.js';
import { notAsked } from '../../../src/ports/losses.js';
import { startFailover, startMirror } from './support.js';

const refused = () => Promise.reject(notAsked('pusher', false, 'ada', 'Pusher carries no answers'));
const unanswered = () => Promise.reject(new SocketNoAnswerError('ada', true, 'did not answer'));
const NEVER = new Promise<never>(() => undefined);

describe.each([
  ['a failover', startFailover],
  ['a mirror', startMirror],
])('askMember with %s', (_, start) => {
  test('asks on both providers, and takes the first answer of either', async () => {
    const { client, primary, secondary } = start();
    primary.answer = NEVER;
    secondary.answer = Promise.resolve('yes');
    expect(await client.askMember('ada', 'STILL_THERE', {}, 1_000)).toBe('yes');
    expect([primary.calls, secondary.calls]).toEqual([['STILL_THERE? ada'], ['STILL_THERE? ada']]);
  });

  test('does not mind that one of them carries no answers', async () => {
    const { client, primary, secondary } = start();
    primary.answer = refused();
    secondary.answer = Promise.resolve('yes');
    expect(await client.askMember('ada', 'STILL_THERE', {}, 1_000)).toBe('yes');
  });

  test('says that nobody answered, where one of them carries answers', async () => {
    const { client, primary, secondary } = start();
    primary.answer = refused();
    secondary.answer = unanswered();
    await expect(client.askMember('ada', 'STILL_THERE', {}, 1_000)).rejects.toThrow(SocketNoAnswerError);
  });

  test('is refused where none of them does', async () => {
    const { client, primary, secondary } = start();
    for (const provider of [primary, secondary]) provider.answer = refused();
    await expect(client.askMember('ada', 'STILL_THERE', {}, 1_000)).rejects.toMatchObject({
      code: 'PROVIDER_REJECTED',
    });
  });
});
