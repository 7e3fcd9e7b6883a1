/** The part of the configuration that both projects have in common. */
const common = {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': '@swc/jest' },
  moduleNameMapper: {
    '^nestjs-switchboard$': '<rootDir>/src/index.ts',
    '^nestjs-switchboard/(testing|browser)$': '<rootDir>/src/$1/index.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  errorOnDeprecated: true,
};

/** The suites in which a real client connects to a real application on `ws` or `socket-io`. */
const END_TO_END = [
  'adapters/ws/**/*.test.ts',
  'adapters/socket-io/channels.test.ts',
  'browser/**/*.test.ts',
  'contract/{ws,pusher,socket-io}.test.ts',
  'e2e/member-deactivated.test.ts',
  'modules/socket/{authorization/authorize-channel,channel-events,socket-*-endpoint}.test.ts',
  'support/topology.test.ts',
];

/** The suites of these that show nothing more on two nodes, each with the reason. `onOneNode` leaves out parts of a file. */
const ON_ONE_NODE = {
  'adapters/ws/upgrades.test.ts': 'it is about one HTTP server, and the other listeners of its upgrades',
  'adapters/ws/two-gateways.test.ts': 'it is about one HTTP server without an application',
  'adapters/ws/http-api/(events|hostile-requests|queries|signing).test.ts':
    'they control one engine by hand, behind a server without an application',
  'adapters/ws/webhooks/(webhooks|bounds|retry|targets).test.ts':
    'they control the webhooks by hand, without an application',
  'adapters/ws/write-coalescer/[a-z-]+.test.ts': 'they are about the sockets of one process',
  'browser/(connect-errors|keep-trying|needs|pages|patience|requests|history/(keeper|catching-up|socket-io)).test.ts':
    'they are about the helper, whatever answers it',
};

/**
 * The suites that keep a small machine busy for seconds, so that a suite beside them would miss its time limits: clusters of
 * processes, broken networks, killed workers. `npm run test:slow` runs them.
 */
const SLOW = '/test/(cluster/nodes/|chaos/|delivery/queue/(outages|cuts))';

/** The suites that pack the package, and install it into projects. `npm run test:projects` runs them, two files at a time. */
const PROJECTS = '/test/(consumers/|package/|e2e/(outside-adapter|embedding))';

/** The paths to leave out, by the part that scripts/test.mjs runs. Without a part every test runs. */
const LEFT_OUT = {
  fast: [SLOW, PROJECTS],
  slow: [`^(?!.*${SLOW})`],
  projects: [`^(?!.*${PROJECTS})`],
};
const leftOut = ['/node_modules/', ...(LEFT_OUT[process.env.SWITCHBOARD_TEST_PART] ?? [])];

/** @type {import('jest').Config} */
module.exports = {
  // Events come within milliseconds; the long limit is for a machine that is busy with other work.
  testTimeout: 30_000,
  // Every file leaves some of its modules in the memory of its worker. A worker whose heap is nearly full is ten times slower.
  workerIdleMemoryLimit: '1GB',
  reporters: ['default', '<rootDir>/test/support/end-of-run.cjs'],
  projects: [
    {
      ...common,
      displayName: 'one node',
      testMatch: ['<rootDir>/test/**/*.test.ts'],
      testPathIgnorePatterns: leftOut,
    },
    {
      ...common,
      displayName: { name: 'two nodes', color: 'magenta' },
      testMatch: END_TO_END.map((glob) => `<rootDir>/test/${glob}`),
      testPathIgnorePatterns: [...leftOut, ...Object.keys(ON_ONE_NODE).map((path) => `/test/${path}$`)],
      // test/support/topology.ts starts so many, on a Redis, with a balancer in front of them.
      globals: { SWITCHBOARD_TEST_NODES: 2 },
    },
  ],
};
