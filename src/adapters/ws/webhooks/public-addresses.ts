import { lookup, type LookupAddress, type LookupOptions } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { isPublicAddress } from '../../../protocol/public-address.js';

/** The part of `dns.lookup` that is used here. */
export type Resolve = (
  hostname: string,
  options: LookupOptions & { all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/**
 * Resolves names to their public addresses only. As the `lookup` of a request it decides the address that is connected to,
 * so a name that resolves differently the second time is no way around it. Node does not look up a host that is an address
 * already: check those with `isPrivateHost`.
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

/** The message for a host that is refused. */
export function notPublic(host: string): string {
  return `${host} is not a public address (SOCKET_WEBHOOK_PRIVATE_TARGETS allows others)`;
}
