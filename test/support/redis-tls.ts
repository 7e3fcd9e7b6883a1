import { RedisServer, standingArgs, type StartRedisOptions } from './redis.js';
import { makeRedisCertificate, type RedisCertificate } from './redis-certificate.js';

/** A Redis that speaks TLS only, with a certificate nobody knows. */
export interface TlsRedis extends Pick<RedisCertificate, 'ca' | 'caFile'> {
  /** Its `url` begins with `rediss://`; its clients trust the certificate. */
  readonly server: RedisServer;
}

/** Starts a Redis with TLS, for 127.0.0.1 and localhost. */
export async function startTlsRedis({
  until = 'test',
  args = [],
}: StartRedisOptions = {}): Promise<TlsRedis> {
  const { ca, caFile, args: tlsArgs } = await makeRedisCertificate('IP:127.0.0.1,DNS:localhost', until);
  const server = await RedisServer.start(
    {
      args: (port, folder) => [...standingArgs(folder), ...tlsArgs(port), ...args],
      url: (port) => `rediss://127.0.0.1:${port}`,
      client: { tls: { ca } },
    },
    until,
  );
  return { server, ca, caFile };
}
