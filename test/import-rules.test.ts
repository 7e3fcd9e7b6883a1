import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** One file for every rule, which breaks it. */
const violations: Record<string, readonly [file: string, code: string]> = {
  'no-cycles': ['src/ports/violation-a.ts', `import './violation-b.js';`],
  'no-unresolvable': ['src/ports/violation-c.ts', `import './nowhere.js';`],

  'layer-of-ports': ['src/ports/violation-d.ts', `import '../protocol/codes.js';`],
  'ports-import-only-types-of-settings': ['src/ports/violation-e.ts', `import '../settings/kinds.js';`],
  'layer-of-settings': ['src/settings/violation.ts', `import '../channels/channel.js';`],
  'layer-of-protocol': ['src/protocol/violation.ts', `import '../channels/channel.js';`],
  'layer-of-redis': ['src/redis/violation.ts', `import '../protocol/codes.js';`],
  'layer-of-http': ['src/http/violation.ts', `import '../protocol/codes.js';`],
  'layer-of-history': ['src/history/violation.ts', `import '../channels/channel.js';`],
  'layer-of-channels': ['src/channels/violation.ts', `import '../relays/capacity.js';`],
  'layer-of-cluster': ['src/cluster/violation.ts', `import '../channels/rate-limit.js';`],
  'layer-of-relays': ['src/relays/violation.ts', `import '../channels/channel.js';`],
  'layer-of-delivery': ['src/delivery/violation.ts', `import '../channels/rate-limit.js';`],
  'layer-of-adapters': ['src/adapters/ws/violation.ts', `import '../../cluster/index.js';`],
  'layer-of-config': ['src/config/violation.ts', `import '../channels/channel.js';`],
  'layer-of-runtime': ['src/runtime/violation.ts', `import '../http/api-error.js';`],
  'layer-of-cli': ['src/cli/violation.ts', `import '../channels/channel.js';`],
  'layer-of-modules': ['src/modules/socket/violation.ts', `import '../../cluster/index.js';`],
  'layer-of-testing': ['src/testing/violation.ts', `import '../cluster/index.js';`],
  'layer-of-schematics': ['src/schematics/violation.ts', `import '../protocol/codes.js';`],
  'layer-of-browser': ['src/browser/violation.ts', `import type {} from '../channels/channel.js';`],

  'place-of-ws': ['src/channels/violation-b.ts', `import 'ws';`],
  'place-of-pusher': ['src/modules/socket/violation-b.ts', `import 'pusher';`],
  'place-of-socket.io': ['src/adapters/ws/violation-d.ts', `import 'socket.io';`],
  'place-of-ioredis': ['src/adapters/ws/violation-b.ts', `import 'ioredis';`],
  'place-of-bullmq': ['src/delivery/violation-b.ts', `import 'bullmq';`],
  'place-of-cockatiel': ['src/adapters/pusher/violation.ts', `import 'cockatiel';`],
  'place-of-prom-client': ['src/modules/socket/violation-c.ts', `import 'prom-client';`],
  'place-of-inversify': ['src/modules/socket/violation-d.ts', `import 'inversify';`],
  'place-of-nestjs/websockets': ['src/modules/socket/violation-f.ts', `import '@nestjs/websockets';`],
  'place-of-nestjs': ['src/adapters/pusher/violation-b.ts', `import '@nestjs/common';`],

  'on-demand-cluster-kinds': ['src/cluster/violation-b.ts', `import './redis/redis-cluster.js';`],
  'on-demand-retrying-delivery': [
    'src/runtime/violation-b.ts',
    `import '../delivery/retry/retrying-delivery.js';`,
  ],
  'on-demand-queue': ['src/delivery/violation-c.ts', `import './queue/queued-delivery.js';`],
  'on-demand-provider-pair': ['src/runtime/violation-c.ts', `import './second-provider.js';`],
  'on-demand-metrics': ['src/modules/socket/violation-e.ts', `import './metrics/catalogue.js';`],
  'on-demand-handlers': ['src/modules/socket/violation-g.ts', `import './handlers/start-handlers.js';`],
  'on-demand-adapters': ['src/runtime/violation-d.ts', `import '../adapters/memory/manual-clock.js';`],

  'kinds-of-cluster-never-import-each-other': [
    'src/cluster/redis/violation.ts',
    `import '../local/event-cache.js';`,
  ],
  'adapters-never-import-each-other': [
    'src/adapters/ws/violation-c.ts',
    `import '../memory/manual-clock.js';`,
  ],
  'no-nest-no-sockets-no-http-inside': ['src/channels/violation-c.ts', `import 'node:http';`],
  'the-sample-sees-only-the-package-and-itself': [
    'src/reference/members/violation.ts',
    `import '../../relays/receipt.js';`,
  ],
  'the-library-knows-nothing-of-the-sample': [
    'src/config/violation-b.ts',
    `import '../reference/app.module.js';`,
  ],
  'nobody-imports-the-command': ['src/config/violation-c.ts', `import '../cli/dead-letters.js';`],
  'the-browser-helper-imports-only-types': ['src/browser/violation-b.ts', `import '../ports/limits.js';`],
  'the-library-never-imports-what-only-development-installs': ['src/config/violation-d.ts', `import 'jest';`],
};

/** Every rule of the configuration is broken above. */
test('every import rule has a file that breaks it', () => {
  const { forbidden } = createRequire(import.meta.url)('../.dependency-cruiser.cjs') as {
    forbidden: readonly { readonly name: string }[];
  };
  expect(Object.keys(violations).sort()).toEqual(forbidden.map(({ name }) => name).sort());
});

test('every import rule is kept, and breaking it is noticed', () => {
  const root = mkdtempSync(join(tmpdir(), 'switchboard-rules-'));
  try {
    for (const entry of ['src', 'scripts', 'package.json', 'tsconfig.json', '.dependency-cruiser.cjs']) {
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
