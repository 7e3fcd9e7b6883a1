import { RedisServer, standingArgs, type StartRedisOptions } from './redis.js';

/** A Redis that asks who is calling. */
export interface ProtectedRedis {
  /** Its `url` and its clients have the default user's password. */
  readonly server: RedisServer;
  /** The default user's password. Like the other one it has characters that a URL must escape. */
  readonly password: string;
  /** A user of the access control list. */
  readonly user: { readonly name: string; readonly password: string };
  /** The URL for that user. */
  readonly userUrl: string;
  /** The URL without credentials, which is refused. */
  readonly openUrl: string;
}

/** How to start a protected Redis. */
export interface StartProtectedRedisOptions extends StartRedisOptions {
  /**
   * The rights of the user, as ACL rules.
   *
   * @default everything
   */
  readonly rules?: readonly string[];
}

const PASSWORD = 'open:sesame/p@ss?#1';
const USER = { name: 'worker', password: 'b@r:2/%41' };

/** Starts a Redis with a password (`requirepass`) and a user of the access control list. */
export async function startProtectedRedis({
  until,
  args = [],
  rules = ['~*', '&*', '+@all'],
}: StartProtectedRedisOptions = {}): Promise<ProtectedRedis> {
  const server = await RedisServer.start(
    {
      args: (port, folder) => [
        ...[...standingArgs(folder), '--port', String(port), '--requirepass', PASSWORD],
        ...['--user', USER.name, 'on', `>${USER.password}`, ...rules],
        ...args,
      ],
      url: (port) => urlOf(port, '', PASSWORD),
    },
    until,
  );
  return {
    server,
    password: PASSWORD,
    user: USER,
    userUrl: urlOf(server.port, USER.name, USER.password),
    openUrl: `redis://127.0.0.1:${server.port}`,
  };
}

function urlOf(port: number, user: string, password: string): string {
  return `redis://${user}:${encodeURIComponent(password)}@127.0.0.1:${port}`;
}
