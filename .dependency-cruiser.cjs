/**
 * The import rules. Imports run one way, from the application down to the ports; `docs/architecture.md` shows the way of a
 * relay through these folders.
 *
 * @type {import('dependency-cruiser').IConfiguration}
 */

const { bundled } = require('./scripts/packages.json');

/** The folders of `src`, each with those it may import. A folder may always import itself. */
const LAYERS = {
  // Of the settings only the types, from which `SocketConfig` derives.
  ports: ['settings'],
  protocol: ['ports'],
  settings: ['protocol', 'ports'],
  redis: ['ports'],
  http: ['ports'],
  history: ['protocol', 'ports'],
  channels: ['history', 'protocol', 'ports'],
  cluster: ['history', 'redis', 'protocol', 'ports'],
  relays: ['history', 'protocol', 'ports'],
  delivery: ['relays', 'redis', 'protocol', 'ports'],
  adapters: ['http', 'channels', 'history', 'settings', 'protocol', 'ports'],
  config: ['adapters', 'settings', 'ports'],
  runtime: ['adapters', 'channels', 'cluster', 'delivery', 'history', 'relays', 'ports'],
  cli: ['config', 'delivery', 'ports'],
  modules: [
    'runtime',
    'config',
    'adapters',
    'http',
    'channels',
    'history',
    'relays',
    'settings',
    'protocol',
    'ports',
  ],
  testing: ['modules', 'runtime', 'adapters', 'protocol', 'ports'],
  browser: ['ports'],
  schematics: [],
};

/** Packages that only some folders may import. All but `inversify` and Nest's core are optional, or loaded on demand. */
const PACKAGES = {
  ws: 'adapters/ws',
  pusher: 'adapters/pusher',
  'socket.io': 'adapters/socket-io',
  ioredis: '(redis|cluster/redis|delivery/queue)',
  bullmq: 'delivery/queue',
  cockatiel: 'delivery',
  'prom-client': '(modules/socket/metrics|reference)',
  inversify: '(channels|adapters)',
  // The application's own: handlers of messages are decorated with it, and the library reads what the decorators wrote.
  '@nestjs/websockets': 'reference',
  '@nestjs': '(modules|testing|reference|main\\.ts$)',
};

/** Parts that only a dynamic import may reach, so that nothing of them is loaded before the configuration asks for it. */
const ON_DEMAND = {
  'cluster-kinds': { path: '^src/cluster/(local|redis)/', within: '^src/cluster/(local|redis)/' },
  'retrying-delivery': { path: '^src/delivery/(retry/|circuit-breaker)', within: '^src/delivery/.+/' },
  queue: { path: '^src/delivery/queue/', within: '^src/delivery/queue/' },
  'provider-pair': {
    path: '^src/(delivery/pair/|runtime/second-provider)',
    within: '^src/delivery/pair/',
  },
  metrics: { path: '^src/modules/socket/metrics/', within: '^src/modules/socket/metrics/' },
  handlers: {
    path: '^src/modules/socket/handlers/',
    // The decorator, the search for it, and the class that applications name in their handlers.
    pathNot: '/(socket-handlers\\.decorator|message-handlers|member-socket)\\.ts$',
    within: '^src/modules/socket/handlers/',
  },
  adapters: {
    path: '^src/adapters/[^/]+/',
    pathNot: '\\.(adapter|settings)\\.ts$',
    within: '^src/(adapters/[^/]+/(?!.*\\.adapter\\.ts$)|testing/)',
  },
};

/** The sample application, which the package does not contain. */
const REFERENCE = '^src/(reference/|main\\.ts$)';

const layers = Object.entries(LAYERS).map(([folder, allowed]) => ({
  name: `layer-of-${folder}`,
  severity: 'error',
  from: { path: `^src/${folder}/` },
  to: { path: '^src/', pathNot: `^src/(${[folder, ...allowed].join('|')})/` },
}));

const packages = Object.entries(PACKAGES).map(([name, folders]) => ({
  name: `place-of-${name.replace('@', '')}`,
  severity: 'error',
  from: { path: '^src/', pathNot: `^src/${folders}` },
  to: { path: `(^|node_modules/)${name}(/|$)` },
}));

const onDemand = Object.entries(ON_DEMAND).map(([name, { path, pathNot, within }]) => ({
  name: `on-demand-${name}`,
  severity: 'error',
  from: { path: '^src/', pathNot: within },
  to: { path, ...(pathNot && { pathNot }), dynamic: false, dependencyTypesNot: ['type-only'] },
}));

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    ...layers,
    ...packages,
    ...onDemand,
    {
      name: 'ports-import-only-types-of-settings',
      severity: 'error',
      from: { path: '^src/ports/' },
      to: { path: '^src/settings/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'kinds-of-cluster-never-import-each-other',
      severity: 'error',
      from: { path: '^src/cluster/([^/]+)/' },
      to: { path: '^src/cluster/[^/]+/', pathNot: '^src/cluster/$1/' },
    },
    {
      name: 'adapters-never-import-each-other',
      severity: 'error',
      from: { path: '^src/adapters/([^/]+)/' },
      to: { path: '^src/adapters/[^/]+/', pathNot: '^src/adapters/$1/' },
    },
    {
      name: 'no-nest-no-sockets-no-http-inside',
      severity: 'error',
      from: { path: '^src/(ports|protocol|channels|cluster|delivery|relays)/' },
      to: {
        path: '(^|node_modules/)(rxjs|express|fastify)(/|$)|^(node:)?(http|https|net|tls)$',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'the-sample-sees-only-the-package-and-itself',
      severity: 'error',
      from: { path: '^src/reference/' },
      to: { path: '^src/', pathNot: '^src/(index\\.ts$|reference/)' },
    },
    {
      name: 'the-library-knows-nothing-of-the-sample',
      severity: 'error',
      from: { path: '^src/', pathNot: REFERENCE },
      to: { path: REFERENCE },
    },
    {
      name: 'nobody-imports-the-command',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/cli/' },
      to: { path: '^src/cli/' },
    },
    {
      name: 'the-browser-helper-imports-only-types',
      severity: 'error',
      from: { path: '^src/browser/' },
      to: { path: '^src/|node_modules', pathNot: '^src/browser/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'the-library-never-imports-what-only-development-installs',
      severity: 'error',
      from: { path: '^src/', pathNot: REFERENCE },
      to: {
        // These are put into dist/ by scripts/build.mjs.
        pathNot: `(^|node_modules/)(${bundled.join('|')})(/|$)`,
        dependencyTypes: ['npm-dev'],
        dependencyTypesNot: ['type-only', 'npm-peer', 'npm-optional'],
      },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: 'specify',
    doNotFollow: { path: 'node_modules' },
    // The page's scripts import what the backend serves, not what lies beside them.
    exclude: { path: '^src/reference/page/public/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
