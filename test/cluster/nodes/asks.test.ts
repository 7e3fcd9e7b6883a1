import { ClusterUnreachableError } from '../../../src/ports/cluster.js';
import { userChannel } from '../../../src/protocol/channel-name.js';
import { BareNode } from '../../support/cluster/bare-node.js';
import { startRedis } from '../../support/redis.js';

const ADA = userChannel('ada');
let asks = 0;

/** Asks Ada through the other nodes; every node that has her answers with the payload. */
function ask({ cluster }: BareNode, payload: unknown): { sent: Promise<void>; answer: Promise<unknown> } {
  let sent: Promise<void> | undefined;
  const answer = new Promise((resolve) => {
    const json = JSON.stringify(payload);
    sent = cluster.ask(ADA, { id: `ask-${++asks}`, event: 'STILL_THERE', json, timeoutMs: 20_000 }, resolve);
  });
  return { sent: sent ?? Promise.resolve(), answer };
}

describe('An ask of a user', () => {
  test('reaches the nodes where the user is, and their answers reach the node that asked and no other', async () => {
    const { url } = await startRedis();
    const [asking, hers, other] = [
      await BareNode.start(url),
      await BareNode.start(url),
      await BareNode.start(url),
    ];
    await hers.join(ADA, 1);
    expect(await ask(asking, { n: 1 }).answer).toEqual({ json: '{"n":1}' });
    expect(hers.told).toEqual([`STILL_THERE of ${ADA}`]);
    expect([...asking.told, ...other.told]).toEqual([]);
  });

  test('may come from a process that only publishes', async () => {
    const { url } = await startRedis();
    const [publisher, hers] = [BareNode.publisher(url), await BareNode.start(url)];
    publisher.cluster.open();
    await hers.join(ADA, 1);
    expect(await ask(publisher, 7).answer).toEqual({ json: '7' });
  });

  test('is answered after Redis was away, on its new connection', async () => {
    const redis = await startRedis();
    const [asking, hers] = [await BareNode.start(redis.url), await BareNode.start(redis.url)];
    await hers.join(ADA, 1);
    expect(await ask(asking, 1).answer).toEqual({ json: '1' });
    await redis.client().call('client', 'kill', 'type', 'pubsub');
    const answers: unknown[] = [];
    // Until both nodes are back, an ask may reach nobody.
    while (answers.length === 0) {
      const { sent, answer } = ask(asking, 2);
      void answer.then((given) => answers.push(given));
      await sent.catch(() => undefined);
      await new Promise(setImmediate);
    }
    expect(answers[0]).toEqual({ json: '2' });
  });

  test('fails while Redis cannot be reached', async () => {
    const redis = await startRedis();
    const node = await BareNode.start(redis.url);
    await redis.stop();
    while (node.cluster.problem() === undefined) await new Promise(setImmediate);
    await expect(ask(node, 1).sent).rejects.toThrow(ClusterUnreachableError);
  });
});
