/**
 * The import rules. Imports run one way:
 *
 *   main -> app.module -> modules/members -> the package itself (src/index.ts) -> modules/socket -> adapters/index
 *        -> adapters/<one> -> channels -> protocol -> ports
 *                    \-> cluster -------------^
 *
 * @type {import('dependency-cruiser').IConfiguration}
 */
const businessModules = '^src/modules/(members|sessions|health)/';
const transports = '^(ws|pusher|pusher-js|ioredis|bullmq|inversify|@nestjs/(websockets|platform-ws))($|/)';

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'ports-import-nothing-of-src',
      severity: 'error',
      from: { path: '^src/ports/' },
      to: { path: '^src/', pathNot: '^src/ports/' },
    },
    {
      name: 'protocol-imports-ports-only',
      severity: 'error',
      from: { path: '^src/protocol/' },
      to: { path: '^src/', pathNot: '^src/(protocol|ports)/' },
    },
    {
      name: 'channels-import-protocol-and-ports-only',
      severity: 'error',
      from: { path: '^src/channels/' },
      to: { path: '^src/', pathNot: '^src/(channels|protocol|ports)/' },
    },
    {
      name: 'cluster-imports-protocol-and-ports-only',
      severity: 'error',
      from: { path: '^src/cluster/' },
      to: { path: '^src/', pathNot: '^src/(cluster|redis|protocol|ports)/' },
    },
    {
      name: 'cluster-kinds-never-import-each-other',
      severity: 'error',
      from: { path: '^src/cluster/([^/]+)/' },
      to: { path: '^src/cluster/[^/]+/', pathNot: '^src/cluster/$1/' },
    },
    {
      name: 'the-cluster-is-known-to-the-container-and-the-fake-only',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(cluster/|adapters/(socket-container\\.ts$|memory/))' },
      to: { path: '^src/cluster/' },
    },
    {
      name: 'the-container-knows-clusters-only-by-their-index',
      severity: 'error',
      from: { path: '^src/adapters/socket-container\\.ts$' },
      to: { path: '^src/cluster/', pathNot: '^src/cluster/index\\.ts$' },
    },
    {
      name: 'the-fake-is-one-node',
      severity: 'error',
      from: { path: '^src/adapters/memory/' },
      to: { path: '^src/cluster/', pathNot: '^src/cluster/local/' },
    },
    {
      name: 'clusters-are-loaded-on-demand',
      severity: 'error',
      comment: 'only a dynamic import keeps ioredis unloaded where there is one node',
      from: { path: '^src/cluster/[^/]+$' },
      to: { path: '^src/cluster/[^/]+/', dynamic: false },
    },
    {
      name: 'ioredis-only-in-the-cluster-over-redis-and-the-queue',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(cluster/redis|delivery/queue|redis)/' },
      to: { path: 'node_modules/ioredis/' },
    },
    {
      name: 'delivery-imports-ports-only',
      severity: 'error',
      from: { path: '^src/delivery/' },
      to: { path: '^src/', pathNot: '^src/(delivery|redis|ports)/' },
    },
    {
      name: 'what-is-common-to-those-who-use-redis-imports-ports-only',
      severity: 'error',
      from: { path: '^src/redis/' },
      to: { path: '^src/', pathNot: '^src/(redis|ports)/' },
    },
    {
      name: 'redis-is-known-to-the-cluster-over-it-and-the-queue-only',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(redis|cluster/redis|delivery/queue)/' },
      to: { path: '^src/redis/' },
    },
    {
      name: 'the-queue-is-loaded-on-demand',
      severity: 'error',
      comment: 'only a dynamic import keeps bullmq and ioredis unloaded where there is none',
      from: { path: '^src/', pathNot: '^src/delivery/queue/' },
      to: { path: '^src/delivery/queue/', dynamic: false, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'delivery-is-known-to-the-socket-module-and-the-command-only',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(delivery|modules/socket|cli)/' },
      to: { path: '^src/delivery/' },
    },
    {
      name: 'delivery-is-loaded-on-demand',
      severity: 'error',
      comment: 'only a dynamic import keeps cockatiel unloaded where nothing is tried again',
      from: { path: '^src/modules/socket/' },
      to: {
        path: '^src/delivery/',
        pathNot: '^src/delivery/(index|order|postponed)\\.ts$',
        dynamic: false,
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'what-two-providers-need-is-loaded-on-demand',
      severity: 'error',
      comment: 'only a dynamic import keeps it unloaded where there is one provider',
      from: { path: '^src/' },
      to: {
        path: '^src/(modules/socket/second-provider|delivery/(mirror|failover))\\.ts$',
        dynamic: false,
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'cockatiel-only-in-delivery',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/delivery/' },
      to: { path: 'node_modules/cockatiel/' },
    },
    {
      name: 'prom-client-only-where-the-metrics-are',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot: `^src/(modules/socket/metrics/collectors|app\\.module)\\.ts$|${businessModules}`,
      },
      to: { path: 'node_modules/prom-client/' },
    },
    {
      name: 'metrics-are-loaded-on-demand',
      severity: 'error',
      comment: 'only a dynamic import keeps prom-client unloaded where there is no registry',
      from: { path: '^src/', pathNot: '^src/modules/socket/metrics/' },
      to: { path: '^src/modules/socket/metrics/', dynamic: false },
    },
    {
      name: 'no-nest-no-sockets-no-http-inside',
      severity: 'error',
      from: { path: '^src/(ports|protocol|channels|cluster|delivery)/' },
      to: {
        path: '(^|node_modules/)(@nestjs|ws|rxjs|pusher|express|fastify)(/|$)|^(node:)?(http|https|net|tls)$',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'adapters-never-import-modules',
      severity: 'error',
      from: { path: '^src/adapters/' },
      to: { path: '^src/(modules|testing|browser|config|page|main|app|index)' },
    },
    {
      name: 'adapters-never-import-each-other',
      severity: 'error',
      from: { path: '^src/adapters/([^/]+)/' },
      to: { path: '^src/adapters/[^/]+/', pathNot: '^src/adapters/$1/' },
    },
    {
      name: 'nest-stays-out-of-adapters-but-the-gateway-file',
      severity: 'error',
      from: { path: '^src/adapters/', pathNot: '^src/adapters/ws/gateway-ws-adapter\\.ts$' },
      to: { path: '(^|node_modules/)@nestjs/' },
    },
    {
      name: 'socket-module-knows-adapters-only-by-their-index',
      severity: 'error',
      from: { path: '^src/modules/socket/' },
      to: { path: '^src/adapters/[^/]+/' },
    },
    {
      name: 'business-sees-only-the-package-and-itself',
      severity: 'error',
      from: { path: businessModules },
      to: { path: '^src/', pathNot: '^src/(index\\.ts$|modules/(members|sessions|health)/)' },
    },
    {
      name: 'business-imports-no-transport',
      severity: 'error',
      from: { path: businessModules },
      to: {
        path: `${transports}|node_modules/(ws|pusher|pusher-js|ioredis|bullmq|inversify|@nestjs/(websockets|platform-ws))/`,
      },
    },
    {
      name: 'optional-packages-only-in-their-adapter',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/adapters/(ws|pusher)/' },
      to: { path: 'node_modules/(ws|pusher|@nestjs/(websockets|platform-ws))/' },
    },
    {
      name: 'bullmq-only-in-the-queue',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/delivery/queue/' },
      to: { path: 'node_modules/bullmq/' },
    },
    {
      name: 'nobody-imports-the-command',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/cli/' },
      to: { path: '^src/cli/' },
    },
    {
      name: 'adapters-are-loaded-on-demand',
      severity: 'error',
      comment: 'only a dynamic import keeps an unused provider and its packages unloaded',
      from: { path: '^src/(adapters/index|modules|config|index)' },
      to: { path: '^src/adapters/[^/]+/', dynamic: false },
    },
    {
      name: 'the-library-knows-nothing-of-the-reference-backend',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot: '^src/(main|app\\.module)\\.ts$|^src/modules/(members|sessions|health)/|^src/page/',
      },
      to: { path: '^src/(main|app\\.module)\\.ts$|^src/modules/(members|sessions|health)/|^src/page/' },
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
      from: {
        path: '^src/',
        pathNot: '^src/(main|app\\.module)\\.ts$|^src/modules/(members|sessions|health)/|^src/page/',
      },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only', 'npm-peer', 'npm-optional'] },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: 'specify',
    doNotFollow: { path: 'node_modules' },
    // The page's scripts import what the backend serves, not what lies beside them.
    exclude: { path: '^src/page/public/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
