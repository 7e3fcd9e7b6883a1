import 'reflect-metadata';
import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type Environment, socketConfig, SocketConfigurationError } from 'nestjs-switchboard';
import { AppModule } from './reference/app.module.js';
import { listeningPort } from './reference/port.js';

try {
  process.loadEnvFile();
} catch {
  // The .env file is optional.
}

/**
 * Unless the environment says otherwise, client events are allowed in the live page's room only, and a page that comes back hears
 * what was relayed to its member and to everybody meanwhile. The page takes the envelopes of hosted Pusher off, because it uses
 * `connect()`.
 */
const environment: Environment = {
  SOCKET_CLIENT_EVENTS: 'presence-lobby',
  SOCKET_HISTORY: 'members,broadcast',
  PUSHER_ENVELOPE: 'true',
  ...process.env,
};

const problems = [
  ...problemsOf(() => listeningPort(environment)),
  ...problemsOf(() => socketConfig(environment)),
];
if (problems.length > 0) {
  process.stderr.write(`${new SocketConfigurationError(problems).message}\n`);
  process.exit(1);
}

void start();

async function start(): Promise<void> {
  const app = await NestFactory.create(AppModule.forRoot(environment));
  app.enableShutdownHooks();
  const port = listeningPort(environment);
  await app.listen(port).catch((error: unknown) => {
    process.stderr.write(`PORT: cannot listen on port ${port}: ${String(error)}\n`);
    process.exit(1);
  });
  new Logger('Switchboard').log(`The live page is at ${(await app.getUrl()).replace('[::1]', 'localhost')}`);
}

function problemsOf(read: () => unknown): readonly string[] {
  try {
    read();
    return [];
  } catch (error) {
    if (error instanceof SocketConfigurationError) return error.problems;
    throw error;
  }
}
