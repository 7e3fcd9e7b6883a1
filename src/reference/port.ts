import { type Environment, SocketConfigurationError } from 'nestjs-switchboard';

/**
 * The reference backend's port: the variable `PORT`. 0 takes a free port. @default 3000
 *
 * @throws SocketConfigurationError when `PORT` is no port
 */
export function listeningPort({ PORT }: Environment): number {
  if (PORT === undefined || PORT.trim() === '') return 3_000;
  const port = Number(PORT);
  if (/^\d+$/.test(PORT.trim()) && port <= 65_535) return port;
  throw new SocketConfigurationError([
    `PORT: must be a whole number from 0 to 65535; it is ${JSON.stringify(PORT)}`,
  ]);
}
