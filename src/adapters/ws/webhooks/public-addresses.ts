import { lookup, type LookupAddress, type LookupOptions } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { isPublicAddress } from '../../../protocol/public-address.js';

/** The part of `dns.lookup` in use. */
export type Resolve = (
  hostname: string,
  options: LookupOptions & { all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/**
 * Resolves names to their public addresses only. Handed to `request` as `lookup`, what it answers is what is connected to,
 * so a name that points elsewhere the second time gains nothing. An address in place of the name is never looked up:
 * that needs `isPrivateHost`.
 */
export function publicLookup(resolve: Resolve = lookup): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, found) => {
      if (error !== null) {
        callback(error, []);
        return;
      }
      const addresses = found.filter(({ address }) => isPublicAddress(address));
      const [first] = addresses;
      if (first === undefined) callback(new Error(notPublic(hostname)), []);
      else if (options.all === true) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
}

/** Says that a host is refused. */
export function notPublic(host: string): string {
  return `${host} is not a public address (SOCKET_WEBHOOK_PRIVATE_TARGETS allows others)`;
}
