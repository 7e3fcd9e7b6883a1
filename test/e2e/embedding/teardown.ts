type Step = () => unknown;

const afterTest: Step[] = [];
const afterSuite: Step[] = [];

afterEach(() => unwind(afterTest));
afterAll(() => unwind(afterSuite));

/** Runs when the test in progress is over, the latest first. */
export function whenTestEnds(step: Step): void {
  afterTest.push(step);
}

/** Runs when the file's last test is over, the latest first. */
export function whenSuiteEnds(step: Step): void {
  afterSuite.push(step);
}

async function unwind(steps: Step[]): Promise<void> {
  for (const step of steps.splice(0).reverse()) await step();
}
