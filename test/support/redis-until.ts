import { setTimeout as delay } from 'node:timers/promises';

const ATTEMPTS = 600;
const INTERVAL_MS = 50;

/** Asks until the answer is yes. For other processes' state that no event tells; gives up after half a minute. */
export async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (await holds()) return;
    await delay(INTERVAL_MS);
  }
  throw new Error(`Gave up waiting until ${what}.`);
}
