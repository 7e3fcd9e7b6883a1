/** An IPv4 address of which IPv6 has made one of its own. */
const MAPPED_IPV4 = /^::ffff:(\d+(?:\.\d+){3})$/i;
/** How many groups of an IPv6 address are those of its /64. */
const NETWORK_GROUPS = 4;
const ALL_GROUPS = 8;

/**
 * What an address counts as: of IPv6 its /64, for that is what one household is given, to have any address of. Of IPv4 the
 * address, also where it comes over IPv6.
 *
 * @param address as `socket.remoteAddress` has it
 */
export function clientNetwork(address: string): string {
  const mapped = MAPPED_IPV4.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!address.includes(':')) return address;
  const [before = '', after] = address.replace(/%.*$/, '').split('::');
  const first = groups(before);
  if (after !== undefined) {
    const last = groups(after);
    while (first.length + last.length < ALL_GROUPS) first.push('0');
    first.push(...last);
  }
  return first.slice(0, NETWORK_GROUPS).join(':');
}

/** A part of an address, group by group, each without leading zeros. An IPv4 address at the end is two. */
function groups(part: string): string[] {
  if (part === '') return [];
  return part
    .split(':')
    .flatMap((group) => (group.includes('.') ? ['0', '0'] : parseInt(group, 16).toString(16)));
}
