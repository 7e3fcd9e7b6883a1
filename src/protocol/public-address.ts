/** A network: its address, and the number of bits that its addresses share. */
type Network = readonly [address: string, bits: number];

/** The IPv4 networks that IANA's registry of special-purpose addresses calls not globally reachable. */
const SPECIAL_IPV4: readonly Network[] = [
  ['0.0.0.0', 8], // this host
  ['10.0.0.0', 8], // private
  ['100.64.0.0', 10], // shared, behind a carrier's NAT
  ['127.0.0.0', 8], // loopback
  ['169.254.0.0', 16], // link-local, with the cloud's metadata services
  ['172.16.0.0', 12], // private
  ['192.0.0.0', 24], // protocol assignments
  ['192.0.2.0', 24], // documentation
  ['192.88.99.0', 24], // 6to4 relays
  ['192.168.0.0', 16], // private
  ['198.18.0.0', 15], // benchmarks
  ['198.51.100.0', 24], // documentation
  ['203.0.113.0', 24], // documentation
  ['224.0.0.0', 3], // multicast, reserved, broadcast
];

/** The public part of IPv6. Loopback, IPv4-mapped, NAT64, ULA, link-local and multicast addresses are outside of it. */
const GLOBAL_IPV6: Network = ['2000::', 3];
const SPECIAL_IPV6: readonly Network[] = [
  ['2001::', 23], // protocol assignments, Teredo among them
  ['2001:db8::', 32], // documentation
  ['2002::', 16], // 6to4, which wraps any IPv4 address
  ['3fff::', 20], // documentation
];

/** The form in which `URL` writes every address: four decimal numbers, or an IPv6 address in brackets. */
const IPV4 = /^\d+(?:\.\d+){3}$/;
const IPV6 = /^\[[0-9a-f:]+\]$/;

/** Whether an IP address belongs to the public internet: neither to this machine nor to the network it is in. */
export function isPublicAddress(address: string): boolean {
  if (!/^[0-9a-f:.]+$/i.test(address)) return false;
  const host = canonical(address.includes(':') ? `[${address}]` : address);
  if (IPV4.test(host)) return host === address && !SPECIAL_IPV4.some((network) => isIn(network, address));
  if (!IPV6.test(host)) return false;
  const plain = withoutBrackets(host);
  return isIn(GLOBAL_IPV6, plain) && !SPECIAL_IPV6.some((network) => isIn(network, plain));
}

/**
 * Whether the host of a URL is this machine or in its network, as far as that is known without a lookup: an address that
 * is not public, or `localhost`.
 *
 * @param hostname as `URL.hostname` has it
 */
export function isPrivateHost(hostname: string): boolean {
  if (IPV4.test(hostname) || IPV6.test(hostname)) return !isPublicAddress(withoutBrackets(hostname));
  return /(?:^|\.)localhost\.?$/.test(hostname);
}

/** The host as `URL` writes it; empty when it is not a valid host. */
function canonical(host: string): string {
  return URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname : '';
}

function withoutBrackets(host: string): string {
  return host.replace(/^\[|\]$/g, '');
}

function isIn([network, bits]: Network, address: string): boolean {
  const others = 32 - bits;
  return leadingBits(network) >>> others === leadingBits(address) >>> others;
}

/** The first 32 bits of an address: a whole IPv4 address. No IPv6 network above has a longer prefix. */
function leadingBits(address: string): number {
  if (!address.includes(':'))
    return address.split('.').reduce((bits, octet) => bits * 256 + Number(octet), 0);
  const [first, second] = address.split(':').map((group) => parseInt(group || '0', 16));
  return (first ?? 0) * 65_536 + (second ?? 0);
}
