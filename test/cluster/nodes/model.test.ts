import { jest } from '@jest/globals';
import fc from 'fast-check';
import { type Scenario, scenario } from '../../support/cluster/scenario.js';
import { World } from '../../support/cluster/world.js';

// CLUSTER_MODEL_SEED plays the stories of a run again, CLUSTER_MODEL_PATH one of them alone, and CLUSTER_MODEL_RUNS more of
// them; a failure prints seed and path. With CLUSTER_MODEL_SHRINK a failure is made smaller, which takes minutes.
const { CLUSTER_MODEL_SEED, CLUSTER_MODEL_PATH, CLUSTER_MODEL_RUNS, CLUSTER_MODEL_SHRINK } = process.env;
const RUNS = Number(CLUSTER_MODEL_RUNS ?? 3);
const SECONDS_PER_RUN = 120;

jest.setTimeout(RUNS * SECONDS_PER_RUN * 1_000 * (CLUSTER_MODEL_SHRINK === undefined ? 1 : 10));

async function holds(story: Scenario): Promise<void> {
  const world = await World.start();
  try {
    await world.play(story);
  } finally {
    await world.close();
  }
}

describe('Three nodes, whatever happens to them and to Redis', () => {
  test('agree with each other, with every browser and with the model on who is where, once all is quiet', async () => {
    await fc.assert(fc.asyncProperty(scenario, holds), {
      numRuns: RUNS,
      endOnFailure: CLUSTER_MODEL_SHRINK === undefined,
      ...(CLUSTER_MODEL_SEED !== undefined && { seed: Number(CLUSTER_MODEL_SEED) }),
      ...(CLUSTER_MODEL_PATH !== undefined && { path: CLUSTER_MODEL_PATH }),
    });
  });

  // Chance alone may not bring both disasters about in a few runs.
  test('agree after each kind of disaster on a story that has much in it', async () => {
    const story: Scenario = {
      before: Array.from({ length: 24 }, (_, n) => ({
        do: 'subscribe' as const,
        browser: n % 8,
        channel: ['presence-a', 'presence-b', 'private-notes'][n % 3] ?? 'presence-c',
      })),
      chapters: [
        {
          disaster: {
            do: 'lose-redis',
            isQuiet: true,
            meanwhile: [
              { do: 'quit', browser: 1 },
              { do: 'drop', browser: 2, node: 0 },
              { do: 'leave', browser: 3, channel: 'presence-a' },
              { do: 'subscribe', browser: 4, channel: 'presence-c' },
            ],
          },
          after: [{ do: 'subscribe', browser: 1, channel: 'presence-c' }],
        },
        {
          disaster: { do: 'kill', node: 1, isQuiet: true },
          after: [{ do: 'quit', browser: 5 }],
        },
      ],
    };
    await holds(story);
  });
});
