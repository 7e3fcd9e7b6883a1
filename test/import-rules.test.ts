import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** One file for every rule, which breaks it. */
const violations: Record<string, readonly [file: string, code: string]> = {
  'no-cycles': ['src/ports/violation-a.ts', `import './violation-b.js';`],
  'no-unresolvable': ['src/ports/violation-c.ts', `import './nowhere.js';`],
  'ports-import-nothing-of-src': ['src/ports/violation-d.ts', `import '../protocol/codes.js';`],
  'protocol-imports-ports-only': ['src/protocol/violation.ts', `import '../channels/channel.js';`],
  'channels-import-protocol-and-ports-only': [
    'src/channels/violation.ts',
    `import '../config/settings-reader.js';`,
  ],
  'cluster-imports-protocol-and-ports-only': [
    'src/cluster/violation.ts',
    `import '../channels/rate-limit.js';`,
  ],
  'cluster-kinds-never-import-each-other': [
    'src/cluster/redis/violation.ts',
    `import '../local/event-cache.js';`,
  ],
  'the-cluster-is-known-to-the-container-and-the-fake-only': [
    'src/adapters/ws/violation-c.ts',
    `import '../../cluster/index.js';`,
  ],
  'the-container-knows-clusters-only-by-their-index': [
    'src/adapters/socket-container.ts',
    `import '../cluster/local/occupancy.js';`,
  ],
  'the-fake-is-one-node': ['src/adapters/memory/violation.ts', `import '../../cluster/index.js';`],
  'clusters-are-loaded-on-demand': ['src/cluster/violation-b.ts', `import './redis/redis.module.js';`],
  'ioredis-only-in-the-cluster-over-redis-and-the-queue': [
    'src/adapters/ws/violation-d.ts',
    `import 'ioredis';`,
  ],
  'delivery-imports-ports-only': ['src/delivery/violation.ts', `import '../protocol/codes.js';`],
  'what-is-common-to-those-who-use-redis-imports-ports-only': [
    'src/redis/violation.ts',
    `import '../protocol/codes.js';`,
  ],
  'redis-is-known-to-the-cluster-over-it-and-the-queue-only': [
    'src/delivery/violation-b.ts',
    `import '../redis/redis-options.js';`,
  ],
  'the-queue-is-loaded-on-demand': ['src/delivery/violation-c.ts', `import './queue/queued-delivery.js';`],
  'bullmq-only-in-the-queue': ['src/delivery/violation-d.ts', `import 'bullmq';`],
  'nobody-imports-the-command': ['src/config/violation-cli.ts', `import '../cli/dead-letters.js';`],
  'delivery-is-known-to-the-socket-module-and-the-command-only': [
    'src/adapters/pusher/violation-b.ts',
    `import '../../delivery/order.js';`,
  ],
  'delivery-is-loaded-on-demand': [
    'src/modules/socket/violation-c.ts',
    `import '../../delivery/delivery.js';`,
  ],
  'what-two-providers-need-is-loaded-on-demand': [
    'src/modules/socket/violation-two.ts',
    `import './second-provider.js';`,
  ],
  'cockatiel-only-in-delivery': ['src/adapters/pusher/violation-c.ts', `import 'cockatiel';`],
  'prom-client-only-where-the-metrics-are': ['src/modules/socket/violation-d.ts', `import 'prom-client';`],
  'metrics-are-loaded-on-demand': ['src/modules/socket/violation-e.ts', `import './metrics/catalogue.js';`],
  'no-nest-no-sockets-no-http-inside': ['src/channels/violation-b.ts', `import 'node:http';`],
  'adapters-never-import-modules': [
    'src/adapters/ws/violation.ts',
    `import '../../modules/socket/receipt.js';`,
  ],
  'adapters-never-import-each-other': [
    'src/adapters/ws/violation-b.ts',
    `import '../memory/manual-clock.js';`,
  ],
  'nest-stays-out-of-adapters-but-the-gateway-file': [
    'src/adapters/pusher/violation.ts',
    `import '@nestjs/common';`,
  ],
  'socket-module-knows-adapters-only-by-their-index': [
    'src/modules/socket/violation.ts',
    `import '../../adapters/memory/manual-clock.js';`,
  ],
  'business-sees-only-the-package-and-itself': [
    'src/modules/members/violation.ts',
    `import '../socket/receipt.js';`,
  ],
  'business-imports-no-transport': ['src/modules/members/violation-b.ts', `import 'ws';`],
  'optional-packages-only-in-their-adapter': ['src/modules/socket/violation-b.ts', `import 'pusher';`],
  'adapters-are-loaded-on-demand': [
    'src/config/violation.ts',
    `import '../adapters/memory/manual-clock.js';`,
  ],
  'the-library-knows-nothing-of-the-reference-backend': [
    'src/config/violation-b.ts',
    `import '../app.module.js';`,
  ],
  'the-browser-helper-imports-only-types': ['src/browser/violation.ts', `import '../ports/limits.js';`],
  'the-library-never-imports-what-only-development-installs': ['src/config/violation-c.ts', `import 'jest';`],
};

test('every import rule is kept, and breaking it is noticed', () => {
  const root = mkdtempSync(join(tmpdir(), 'switchboard-rules-'));
  try {
    for (const entry of ['src', 'package.json', 'tsconfig.json', '.dependency-cruiser.cjs']) {
      cpSync(entry, join(root, entry), { recursive: true });
    }
    symlinkSync(join(process.cwd(), 'node_modules'), join(root, 'node_modules'));
    const cruiser = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
    const cruise = () =>
      spawnSync(process.execPath, [cruiser, '--config', '.dependency-cruiser.cjs', 'src'], {
        cwd: root,
        encoding: 'utf8',
      });
    expect(cruise()).toMatchObject({ status: 0 });

    writeFileSync(join(root, 'src/ports/violation-b.ts'), `import './violation-a.js';\n`);
    for (const [file, code] of Object.values(violations)) writeFileSync(join(root, file), `${code}\n`);
    const { stdout } = cruise();
    const noticed = Object.entries(violations).filter(([rule, [file]]) =>
      stdout.split('\n').some((line) => line.includes(` ${rule}: `) && line.includes(file)),
    );
    expect(noticed.map(([rule]) => rule)).toEqual(Object.keys(violations));
  } finally {
    rmSync(root, { recursive: true });
  }
}, 60_000);
