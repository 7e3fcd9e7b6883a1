import type { ClusterNode } from '../../support/cluster/nodes.js';
import { eventually } from '../../support/cluster/waiting.js';
import { SoakClient } from './soak-client.js';

const SETTLED_MS = 60_000;
/** How many relays each visitor hears. */
const RELAYS = 5;

/** How many relays visitors have heard, and how many of them were disconnected. */
export const visits = { relays: 0, disconnects: 0 };

/**
 * Comes, hears everything that is relayed to it, once and in order, and goes in one of the ways in which members go.
 *
 * @param hasHistory whether its events have a history. Then a relay needs Redis, and is made until it is accepted
 */
export async function visit(gateway: ClusterNode, number: number, hasHistory: boolean): Promise<void> {
  const heard: number[] = [];
  const id = `visitor-${number}`;
  const channels = [`private-orders-${number}`, `presence-room-${number % 5}`, `presence-own-${number}`];
  const client = new SoakClient(id, gateway, channels, false, (_, n) => heard.push(n), hasHistory);
  try {
    await eventually(SETTLED_MS, () => {
      expect(client.problem).toBeUndefined();
    });
    const expected = Array.from({ length: RELAYS }, (_, n) => n);
    const relay = (n: number) => {
      const options = hasHistory ? { idempotencyKey: `${id} ${n}` } : {};
      return gateway.call('relayToMember', id, 'VISITED', { n }, options);
    };
    // Told as failed while Redis is away, and heard all the same: the gateway that relays is the gateway it is on.
    if (!hasHistory) await Promise.all(expected.map(relay));
    else
      for (const n of expected) {
        await eventually(SETTLED_MS, async () => {
          expect(await relay(n)).toMatchObject({ status: 'sent' });
        });
      }
    await eventually(SETTLED_MS, () => {
      expect(heard).toEqual(expected);
    });
    visits.relays += RELAYS;
    if (number % 3 === 0) {
      visits.disconnects++;
      await gateway.call('disconnectMember', id);
    } else if (number % 3 === 1) client.leave();
    else client.crash();
    await client.ended;
  } finally {
    client.crash();
  }
}
