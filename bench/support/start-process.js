// A Nest application that starts: with the package, when BENCH_BUILD says where that is. Forked by speed-start.js.
const before = { time: performance.now(), cpu: process.cpuUsage() };
await import('reflect-metadata');
const { NestFactory } = await import('@nestjs/core');

let isReady = false;
class Host {
  onModuleInit() {
    isReady = true;
  }
}

const { BENCH_BUILD = '' } = process.env;
const imports = [];
if (BENCH_BUILD !== '') {
  const { SocketModule } = await import(BENCH_BUILD);
  imports.push(SocketModule.forRoot({ env: { SOCKET_PROVIDER: 'memory' }, identify: () => null }));
}
const app = await NestFactory.create({ module: Host, imports }, { logger: ['error'], abortOnError: false });
await app.init();
if (!isReady) throw new Error('The application has not started.');

const { user, system } = process.cpuUsage(before.cpu);
process.send?.({ milliseconds: performance.now() - before.time, cpuMs: (user + system) / 1_000 });
// Runs until the parent ends it.
process.on('disconnect', () => process.exit(0));
