/** What both projects have in common. */
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

/** Every suite in which a real client meets a real host application on `ws`. */
const END_TO_END = [
  'adapters/ws/**/*.test.ts',
  'browser/**/*.test.ts',
  'contract/{ws,pusher}.test.ts',
  'e2e/member-deactivated.test.ts',
  'modules/socket/{authorization/authorize-channel,channel-events,socket-*-endpoint}.test.ts',
  'support/topology.test.ts',
];

/** Those of them that two nodes would tell nothing about, each with the reason. Parts of a file are left out by `onOneNode`. */
const ON_ONE_NODE = {
  'adapters/ws/upgrades.test.ts': 'it is about one HTTP server, and who else listens to its upgrades',
  'adapters/ws/two-gateways.test.ts': 'it is about one HTTP server without an application',
  'adapters/ws/http-api/(events|hostile-requests|queries|signing).test.ts':
    'they drive one engine by hand, behind a server without an application',
  'adapters/ws/webhooks/(webhooks|bounds|retry|targets).test.ts':
    'they drive what posts the webhooks, without an application',
};

/**
 * Clusters of processes and broken networks keep a small machine busy for seconds, and what runs beside them misses its bounds:
 * scripts/test.mjs runs them after everything else, one at a time. Without it they are tests like any other.
 */
const APART = '/test/(cluster|chaos)/';
const part = {
  together: { testPathIgnorePatterns: ['/node_modules/', APART] },
  apart: { testPathIgnorePatterns: ['/node_modules/', `^(?!.*${APART})`] },
}[process.env.SWITCHBOARD_TEST_PART ?? ''] ?? { testPathIgnorePatterns: ['/node_modules/'] };

/** @type {import('jest').Config} */
export default {
  // What a test waits for comes in milliseconds, and on a machine that is busy otherwise it comes too.
  testTimeout: 30_000,
  projects: [
    { ...common, ...part, displayName: 'one node', testMatch: ['<rootDir>/test/**/*.test.ts'] },
    {
      ...common,
      displayName: { name: 'two nodes', color: 'magenta' },
      testMatch: END_TO_END.map((glob) => `<rootDir>/test/${glob}`),
      testPathIgnorePatterns: [
        ...part.testPathIgnorePatterns,
        ...Object.keys(ON_ONE_NODE).map((path) => `/test/${path}$`),
      ],
      // test/support/topology.ts starts so many, on a Redis, with a balancer in front of them.
      globals: { SWITCHBOARD_TEST_NODES: 2 },
    },
  ],
};
