import type { ClusterNode } from '../../support/cluster/nodes.js';
import { eventually } from '../../support/cluster/waiting.js';
import { SoakClient } from './soak-client.js';

const SETTLED_MS = 60_000;
/** How many relays each visitor hears. */
const RELAYS = 5;

/** How many relays visitors have heard, and how many of them were disconnected. */
export const visits = { relays: 0, disconnects: 0 };

/** Comes, hears everything that is relayed to it, once and in order, and goes in one of the ways in which members go. */
export async function visit(gateway: ClusterNode, number: number): Promise<void> {
  const heard: number[] = [];
  const id = `visitor-${number}`;
  const channels = [`private-orders-${number}`, `presence-room-${number % 5}`, `presence-own-${number}`];
  const client = new SoakClient(id, gateway, channels, false, (_, n) => heard.push(n));
  try {
    await eventually(SETTLED_MS, () => {
      expect(client.problem).toBeUndefined();
    });
    const expected = Array.from({ length: RELAYS }, (_, n) => n);
    // Told as failed while Redis is away, and heard all the same: the gateway that relays is the gateway it is on.
    await Promise.all(expected.map((n) => gateway.call('relayToMember', id, 'VISITED', { n })));
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
