import { BEHIND_FAILURE, RequestFailure } from '../../../../src/adapters/pusher/http/request-failure.js';
import {
  ChannelQueues,
  type RequestSender,
} from '../../../../src/adapters/pusher/requests/channel-queues.js';
import { Dispatch } from '../../../../src/adapters/pusher/requests/dispatch.js';
import type { PlannedRequest } from '../../../../src/adapters/pusher/requests/request-plan.js';
import { MAX_WAITING_RELAYS } from '../../../../src/adapters/pusher/requests/waiting-posts.js';
import { systemClock } from '../../../../src/ports/clock.js';

const FAILURE = new RequestFailure('HTTP 503', { retryable: true, status: 503 });

/** Longer than any test takes. */
const LONG_MS = 60_000;

/** Requests that are answered when the test says so. */
class HeldRequests implements RequestSender {
  readonly planOptions = { eventsPerBatch: 10, mergesRelays: true };
  readonly open: { readonly request: PlannedRequest; readonly answer: (failure: unknown) => void }[] = [];

  send(request: PlannedRequest): Promise<void> {
    return new Promise((resolve) => {
      const answer = (failure: unknown) => {
        for (const post of request) post.dispatch.settle(post, failure);
        resolve();
      };
      this.open.push({ request, answer });
    });
  }

  /** Answers what is under way. */
  answer(failure?: unknown): void {
    for (const { answer } of this.open.splice(0)) answer(failure);
  }
}

function start({ timeoutMs = LONG_MS, isBatching = true, isRetried = false } = {}) {
  const requests = new HeldRequests();
  const queues = new ChannelQueues(requests, systemClock, timeoutMs, isBatching, isRetried);
  const relay = (name: string, ...channels: string[]) => {
    const event = { name, data: '', exceptSocketId: undefined };
    const dispatch = new Dispatch(
      channels.map((channel) => ({ channel, recipient: channel })),
      event,
    );
    queues.post(dispatch);
    return dispatch.losses;
  };
  const underWay = () =>
    requests.open.map(({ request }) =>
      request.map(({ channel, event }) => `${event?.name ?? ''}@${channel}`),
    );
  return { queues, requests, relay, underWay };
}

/** Long enough for what an answer sets off: it comes to the end of a turn, and leaves at the end of the next. */
async function turn(): Promise<void> {
  for (let count = 0; count < 2; count++) await new Promise((resolve) => setImmediate(resolve));
}

describe('ChannelQueues', () => {
  test('sends nothing before the turn of the loop is over, and then everything', async () => {
    const { relay, underWay } = start();
    void relay('A', 'a');
    await Promise.resolve();
    void relay('B', 'b');
    expect(underWay()).toEqual([]);

    await turn();

    expect(underWay()).toEqual([['A@a', 'B@b']]);
  });

  test('sends at once, each call on its own, where it does not gather', () => {
    const { requests, relay, underWay } = start({ isBatching: false });
    Object.assign(requests, { planOptions: { eventsPerBatch: 1, mergesRelays: false } });

    void relay('A', 'a', 'b');
    void relay('A', 'c');

    expect(underWay()).toEqual([['A@a', 'A@b'], ['A@c']]);
  });

  test('sends together what has gathered behind a request, when that is answered', async () => {
    const { requests, relay, underWay } = start();
    const calls = [relay('A', 'a')];
    await turn();
    calls.push(relay('B', 'a'));
    await turn();
    calls.push(relay('C', 'a'), relay('D', 'b'));
    await turn();
    expect(underWay()).toEqual([['A@a'], ['D@b']]);

    requests.answer();
    await turn();

    expect(underWay()).toEqual([['B@a', 'C@a']]);
    requests.answer();
    expect(await Promise.all(calls)).toEqual([[], [], [], []]);
  });

  test('does not let what comes after something given up overtake what came before it', async () => {
    const { requests, relay, underWay } = start({ timeoutMs: 20 });
    const first = relay('FIRST', 'a');
    await turn();
    const givenUp = await relay('GIVEN_UP', 'a');
    expect(givenUp).toMatchObject([
      { recipient: 'a', failure: { message: 'its turn behind earlier calls did not come within 20 ms' } },
    ]);
    const last = relay('LAST', 'a');
    await turn();
    expect(underWay()).toEqual([['FIRST@a']]);
    requests.answer();
    await turn();

    expect(underWay()).toEqual([['LAST@a']]);
    requests.answer();
    expect(await Promise.all([first, last])).toEqual([[], []]);
  });

  test('does not begin what is too late already when its turn comes', async () => {
    const { requests, relay, underWay } = start({ timeoutMs: 20, isBatching: false });
    void relay('FIRST', 'a');
    const second = relay('SECOND', 'a');
    const since = performance.now();
    while (performance.now() - since < 25); // The loop is busy, so no timer fires.
    requests.answer();

    expect(await second).toHaveLength(1);
    expect(underWay()).toEqual([]);
    void relay('THIRD', 'a');
    expect(underWay()).toEqual([['THIRD@a']]);
  });

  test('refuses at once what would be one call too many to wait, and takes more when there is room again', async () => {
    const { requests, relay } = start();
    const taken = [relay('FIRST', 'a')];
    await turn();
    for (let count = 0; count < MAX_WAITING_RELAYS; count++) taken.push(relay('NEXT', 'a'));

    const partly = relay('TOO_MANY', 'a', 'b');
    expect(await relay('TOO_MANY', 'a')).toMatchObject([
      {
        failure: {
          message: `${MAX_WAITING_RELAYS} calls are waiting for their turn already`,
          retryable: true,
        },
      },
    ]);
    while (requests.open.length > 0) {
      requests.answer();
      await turn();
    }
    expect((await Promise.all(taken)).flat()).toEqual([]);
    expect((await partly).map(({ recipient }) => recipient)).toEqual(['a']);
  });

  test('counts a call to many channels as one', async () => {
    const { requests, relay } = start();
    const many = Array.from({ length: MAX_WAITING_RELAYS }, (_, index) => `c${index}`);
    const calls = [relay('FIRST', ...many), relay('SECOND', ...many), relay('THIRD', ...many)];
    await turn();
    while (requests.open.length > 0) {
      requests.answer();
      await turn();
    }

    expect((await Promise.all(calls)).flat()).toEqual([]);
  });

  test('is idle when everything is settled, what was given up included', async () => {
    const { queues, requests, relay } = start({ timeoutMs: 20 });
    await queues.idle();
    let isIdle = false;
    void relay('FIRST', 'a');
    await turn();
    const givenUp = relay('SECOND', 'a');
    const idle = queues.idle().then(() => {
      isIdle = true;
    });
    await turn();
    expect(requests.open).toHaveLength(1);
    await givenUp;
    expect(isIdle).toBe(false);
    requests.answer();
    await idle;
  });

  test('gives up what is behind something that will be tried again, until whoever called knows of it', async () => {
    const { requests, relay, underWay } = start({ isRetried: true });
    const first = relay('FIRST', 'a');
    await turn();
    const behind = relay('BEHIND', 'a', 'b');
    requests.answer(FAILURE);
    expect(await first).toEqual([{ recipient: 'a', failure: FAILURE }]);
    const early = relay('EARLY', 'a');
    expect(await early).toEqual([{ recipient: 'a', failure: BEHIND_FAILURE }]);
    await turn();
    expect(underWay()).toEqual([['BEHIND@b']]);
    void relay('LATER', 'a');
    await turn();
    expect(underWay()).toEqual([['BEHIND@b'], ['LATER@a']]);
    requests.answer();
    expect(await behind).toEqual([{ recipient: 'a', failure: BEHIND_FAILURE }]);
  });

  test('goes on behind a refusal, which nobody will try again', async () => {
    const { requests, relay, underWay } = start({ isRetried: true });
    const first = relay('FIRST', 'a');
    await turn();
    const behind = relay('BEHIND', 'a');
    const refusal = new RequestFailure('HTTP 400', { retryable: false, status: 400 });
    requests.answer(refusal);
    expect(await first).toEqual([{ recipient: 'a', failure: refusal }]);
    await turn();
    expect(underWay()).toEqual([['BEHIND@a']]);
    requests.answer();
    expect(await behind).toEqual([]);
  });
});
