const teardowns: (() => unknown)[] = [];

afterEach(async () => {
  for (const teardown of teardowns.splice(0).reverse()) await teardown();
});

/** Runs after the test, the latest first. Call it where the thing to release is made. */
export function onTeardown(teardown: () => unknown): void {
  teardowns.push(teardown);
}
