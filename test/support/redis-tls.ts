import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { RedisServer, standingArgs, type StartRedisOptions } from './redis.js';
import { onTeardownOf } from './redis-teardown.js';

/** A Redis that speaks TLS only, with a certificate nobody knows. */
export interface TlsRedis {
  /** Its `url` begins with `rediss://`; its clients trust the certificate. */
  readonly server: RedisServer;
  /** The certificate, for a client of one's own (`tls: { ca }`). */
  readonly ca: string;
  /** The file it is in, for another process (`NODE_EXTRA_CA_CERTS`). */
  readonly caFile: string;
}

/** Starts a Redis with TLS, for 127.0.0.1 and localhost. The certificate is made now, with `openssl`. */
export async function startTlsRedis({
  until = 'test',
  args = [],
}: StartRedisOptions = {}): Promise<TlsRedis> {
  const folder = await mkdtemp(join(tmpdir(), 'switchboard-tls-'));
  onTeardownOf(until, () => rm(folder, { recursive: true, force: true }));
  const [keyFile, caFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  await makeCertificate(keyFile, caFile);
  const ca = await readFile(caFile, 'utf8');
  const server = await RedisServer.start(
    {
      args: (port, own) => [
        ...[...standingArgs(own), '--port', '0', '--tls-port', String(port), '--tls-auth-clients', 'no'],
        ...['--tls-cert-file', caFile, '--tls-key-file', keyFile, '--tls-ca-cert-file', caFile],
        ...args,
      ],
      url: (port) => `rediss://127.0.0.1:${port}`,
      client: { tls: { ca } },
    },
    until,
  );
  return { server, ca, caFile };
}

async function makeCertificate(keyFile: string, certificateFile: string): Promise<void> {
  const names = 'subjectAltName=IP:127.0.0.1,DNS:localhost';
  await promisify(execFile)('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
    ...['-subj', '/CN=localhost', '-addext', names, '-keyout', keyFile, '-out', certificateFile],
  ]).catch((error: unknown) => {
    throw new Error('The test needs openssl on the PATH to make a certificate.', { cause: error });
  });
}
