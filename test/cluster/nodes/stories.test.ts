import { jest } from '@jest/globals';
import fc from 'fast-check';
import pMap from 'p-map';
import { Stage } from '../../support/cluster/stories/stage.js';
import { STEPS_OF_STORY, type Story, story } from '../../support/cluster/stories/story.js';

// SWITCHBOARD_STORY_SEED tells the stories of a run again, SWITCHBOARD_STORY one of them alone, and SWITCHBOARD_STORY_STEPS
// more or fewer of them. A failure says the seed and the number of its story.
const { SWITCHBOARD_STORY_SEED, SWITCHBOARD_STORY, SWITCHBOARD_STORY_STEPS = '10000' } = process.env;
const SEED = Number(SWITCHBOARD_STORY_SEED ?? Math.floor(Math.random() * 2 ** 31));
const STORIES = Math.ceil(Number(SWITCHBOARD_STORY_STEPS) / STEPS_OF_STORY);
/** Most of a story is waiting. */
const AT_ONCE = 4;
const SECONDS_PER_STORY = 240;

jest.setTimeout(STORIES * SECONDS_PER_STORY * 1_000);

/** Plays one, and says what went wrong, if something did. */
async function problemOf(told: Story, index: number): Promise<string[]> {
  const started = performance.now();
  const stage = await Stage.start(told.redis, told.nodes);
  try {
    await stage.play(told);
    return [];
  } catch (error) {
    return [`Story ${index} of seed ${SEED} (${told.redis}, ${told.nodes} nodes): ${String(error)}`];
  } finally {
    await stage.close();
    const s = (ms: number) => (ms / 1_000).toFixed(1);
    if (process.env['SWITCHBOARD_SHOW_FIGURES'] !== undefined) {
      process.stdout.write(
        `story ${index}: ${s(performance.now() - started)} s, right after ${stage.rightAfterMs.map(s).join(' ')} s\n`,
      );
    }
  }
}

test('whatever becomes of Redis and of nodes, everybody soon agrees on who is where, and was told just that', async () => {
  const stories = fc.sample(story, { seed: SEED, numRuns: STORIES }).map((told, index) => ({ told, index }));
  const chosen =
    SWITCHBOARD_STORY === undefined ? stories : stories.slice(Number(SWITCHBOARD_STORY)).slice(0, 1);
  const problems = await pMap(chosen, ({ told, index }) => problemOf(told, index), {
    concurrency: AT_ONCE,
  });
  expect(problems.flat()).toEqual([]);
});
