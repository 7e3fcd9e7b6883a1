// Not the global one: a test may have replaced it.
import { setImmediate as turn } from 'node:timers/promises';

/** Counts the turns of the event loop until the promise is settled. */
export async function turnsUntil(promise: Promise<unknown>): Promise<number> {
  let [turns, isSettled] = [0, false];
  const settle = () => {
    isSettled = true;
  };
  promise.then(settle, settle);

  while (!isSettled) {
    await turn();
    turns++;
  }
  return turns;
}
