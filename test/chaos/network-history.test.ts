import { jest } from '@jest/globals';
import type { SocketSettings } from '../../src/config/settings.js';
import type { ChaosProxy } from '../support/chaos-proxy.js';
import { eventually } from '../support/cluster/waiting.js';
import { BROWSERS, Browsers, NOTES } from './support/browsers.js';
import { show, since } from './support/figures.js';

jest.setTimeout(120_000);

const NOTICED_MS = 30_000;

type Gateway = NonNullable<SocketSettings['gateway']>;

/** The shortest that can be configured: a peer is asked after a second, and given up after another. */
const IMPATIENT: Gateway = { activityTimeoutS: 1, pongTimeoutS: 1 };
/** Nobody finds out by himself. */
const PATIENT: Gateway = { activityTimeoutS: 600, pongTimeoutS: 600 };
const PATIENT_BROWSER_MS = 30_000;
const IMPATIENT_BROWSER_MS = 1_000;

/** The same is done to the connections and to the requests. */
function onBoth({ proxy, requests }: Browsers, inflict: (network: ChaosProxy) => void): void {
  for (const network of [proxy, requests]) inflict(network);
}

/** Every connection is broken in the middle of a frame, and so are the requests that were open. */
async function tear(browsers: Browsers, way: 'up' | 'down'): Promise<void> {
  onBoth(browsers, (network) => {
    network.tearAfter(40, way);
  });
  for (const { pusher } of browsers.members)
    pusher.channel(NOTES).trigger('client-typed', { text: 'x'.repeat(500) });
  await eventually(NOTICED_MS, () => {
    expect(browsers.proxy.torn).toBe(BROWSERS);
  });
}

/** A fault of the network, with all that has to happen before it is over. */
interface Fault {
  readonly name: string;
  readonly gateway: Gateway;
  readonly pongTimeoutMs: number;
  /** Whether browsers miss anything. */
  readonly isMissed: boolean;
  readonly inflict: (browsers: Browsers) => Promise<void>;
}

const patient = { gateway: PATIENT, pongTimeoutMs: PATIENT_BROWSER_MS };
const impatient = { gateway: IMPATIENT, pongTimeoutMs: IMPATIENT_BROWSER_MS };

const FAULTS: readonly Fault[] = [
  {
    name: 'latency of 80 to 200 ms',
    ...patient,
    isMissed: false,
    inflict: async (browsers) => {
      onBoth(browsers, (network) => {
        network.delay(80, 120);
      });
      await browsers.traffic.goesOn(800);
      onBoth(browsers, (network) => {
        network.delay(0);
      });
    },
  },
  {
    name: 'seven bytes at a time, and one that connects again',
    ...patient,
    isMissed: true,
    inflict: async (browsers) => {
      onBoth(browsers, (network) => {
        network.trickle(7);
      });
      const [moves] = browsers.members;
      moves?.drop();
      await eventually(NOTICED_MS, () => {
        expect(moves?.pusher.connection.state).not.toBe('connected');
      });
      await moves?.isSettled();
      await browsers.traffic.goesOn(200);
      onBoth(browsers, (network) => {
        network.trickle(undefined);
      });
    },
  },
  {
    name: 'reset within a frame of the gateway',
    ...patient,
    isMissed: true,
    inflict: (browsers) => tear(browsers, 'down'),
  },
  {
    name: 'reset within a frame of the browser',
    ...patient,
    isMissed: true,
    inflict: (browsers) => tear(browsers, 'up'),
  },
  {
    name: 'half-open',
    ...impatient,
    isMissed: true,
    inflict: async (browsers) => {
      const { members } = browsers;
      const before = members.map(({ pusher }) => pusher.connection.socket_id);
      onBoth(browsers, (network) => {
        network.forget();
      });
      await eventually(NOTICED_MS, () => {
        for (const [index, { pusher }] of members.entries())
          expect(pusher.connection.socket_id).not.toBe(before[index]);
      });
    },
  },
  {
    name: 'a short black hole',
    ...patient,
    isMissed: false,
    inflict: async (browsers) => {
      onBoth(browsers, (network) => {
        network.swallow();
      });
      await browsers.traffic.goesOn(800);
      onBoth(browsers, (network) => {
        network.release();
      });
    },
  },
  {
    name: 'a long black hole',
    ...impatient,
    isMissed: true,
    inflict: async (browsers) => {
      const { engine, members } = browsers;
      onBoth(browsers, (network) => {
        network.swallow();
      });
      await eventually(NOTICED_MS, () => {
        expect(engine.connections).toBe(1);
        expect(members.filter(({ pusher }) => pusher.connection.state === 'connected')).toEqual([]);
      });
      onBoth(browsers, (network) => {
        network.release();
      });
    },
  },
  {
    name: 'refused',
    ...patient,
    isMissed: true,
    inflict: async (browsers) => {
      const { engine, proxy } = browsers;
      onBoth(browsers, (network) => {
        network.refuse();
        network.cut();
      });
      await eventually(NOTICED_MS, () => {
        expect(engine.connections).toBe(1);
        expect(proxy.accepted).toBeGreaterThanOrEqual(2 * BROWSERS);
      });
      onBoth(browsers, (network) => {
        network.refuse(false);
      });
    },
  },
];

describe('Between browsers that catch up and the gateway', () => {
  test.each(FAULTS)(
    '$name: everything that was accepted is heard, once and in order',
    async ({ name, gateway, pongTimeoutMs, isMissed, inflict }) => {
      const browsers = await Browsers.startWithHistory(gateway, pongTimeoutMs);
      const { traffic } = browsers;
      await inflict(browsers);
      const over = performance.now();
      await browsers.areBack();
      const recoveredMs = since(over);
      await browsers.settle();
      const { caughtUp } = browsers;
      show(`with history: ${name}`, { ...traffic.figures, caughtUp, recoveredMs });
      expect(traffic.figures.cutOff).toBe(0);
      if (isMissed) expect(caughtUp).toBeGreaterThan(0);
      else expect(caughtUp).toBe(0);
      expect(browsers.noise).toEqual([]);
    },
  );
});
