import { onTeardown } from './teardown.js';

/** How long something lives: until the test that made it is over, or the test file, for what `beforeAll` made. */
export type Lifetime = 'test' | 'file';

const ofTheFile: (() => unknown)[] = [];

// Registered by importing this: inside a test or another hook it would be too late.
afterAll(async () => {
  for (const teardown of ofTheFile.splice(0).reverse()) await teardown();
});

/** Runs after the test or after the file, the latest first. */
export function onTeardownOf(lifetime: Lifetime, teardown: () => unknown): void {
  if (lifetime === 'test') onTeardown(teardown);
  else ofTheFile.push(teardown);
}
