import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Lifetime, onTeardownOf } from './redis-teardown.js';

/** A certificate that nobody knows, for a Redis that speaks TLS. */
export interface RedisCertificate {
  /** The certificate, for a client of one's own (`tls: { ca }`). */
  readonly ca: string;
  /** The file it is in, for another process (`NODE_EXTRA_CA_CERTS`). */
  readonly caFile: string;
  /** The arguments of a server that speaks TLS only, on this port. */
  readonly args: (port: number) => readonly string[];
}

/**
 * Makes a certificate with `openssl`.
 *
 * @param names the names that it is for, as its `subjectAltName`
 */
export async function makeRedisCertificate(
  names: string,
  until: Lifetime = 'test',
): Promise<RedisCertificate> {
  const folder = await mkdtemp(join(tmpdir(), 'switchboard-tls-'));
  onTeardownOf(until, () => rm(folder, { recursive: true, force: true }));
  const [keyFile, caFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  await promisify(execFile)('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
    ...['-subj', '/CN=redis', '-addext', `subjectAltName=${names}`, '-keyout', keyFile, '-out', caFile],
  ]).catch((error: unknown) => {
    throw new Error('The test needs openssl on the PATH to make a certificate.', { cause: error });
  });
  return {
    ca: await readFile(caFile, 'utf8'),
    caFile,
    args: (port) => [
      ...['--port', '0', '--tls-port', String(port), '--tls-auth-clients', 'no'],
      ...['--tls-cert-file', caFile, '--tls-key-file', keyFile, '--tls-ca-cert-file', caFile],
      ...['--tls-replication', 'yes'],
    ],
  };
}
