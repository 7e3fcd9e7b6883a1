/** An IPv4 address written as IPv6, as a dual-stack socket reports it. */
const MAPPED_IPV4 = /^::ffff:(\d+(?:\.\d+){3})$/i;
/** The groups of an IPv6 address that make up its /64. */
const NETWORK_GROUPS = 4;
const ALL_GROUPS = 8;

/**
 * The network by which connections are counted: the /64 of an IPv6 address, because one household usually has all addresses
 * of a /64; the IPv4 address itself, also when it is written as IPv6.
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

/** The groups of a part of an address, each without leading zeros. An IPv4 address at the end counts as two groups. */
function groups(part: string): string[] {
  if (part === '') return [];
  return part
    .split(':')
    .flatMap((group) => (group.includes('.') ? ['0', '0'] : parseInt(group, 16).toString(16)));
}
