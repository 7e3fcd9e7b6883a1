/** The time after the last test in which everything that the tests started has to be closed. */
const CLOSED_MS = 30_000;

/** A Jest reporter that ends a run whose tests have left something open. The run fails then, instead of never ending. */
module.exports = class EndOfRun {
  onRunComplete() {
    setTimeout(() => {
      console.error(`The tests have left something open: ${process.getActiveResourcesInfo().join(', ')}`);
      process.exit(1);
    }, CLOSED_MS).unref();
  }
};
