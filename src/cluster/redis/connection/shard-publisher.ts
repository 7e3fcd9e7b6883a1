import type { Cluster, Redis } from 'ioredis';

const SLOTS = 16_384;
/** CRC-16/XMODEM, by which a Redis Cluster assigns names to slots. */
const POLYNOMIAL = 0x10_21;
const TOP_BIT = 0x80_00;
const BYTE_BITS = 8;

/**
 * Publishes one message on many channels of a server. ARGV: the message, and the channels. Replies with those that the server
 * does not have any more: their slots have moved.
 */
const PUBLISH_SCRIPT = `
local missed = {}
for index = 2, #ARGV do
  local reply = redis.pcall('SPUBLISH', ARGV[index], ARGV[1])
  if type(reply) == 'table' then table.insert(missed, ARGV[index]) end
end
return missed
`;

/**
 * Publishes one message on many channels of a Redis Cluster. It goes once to each server, with the channels that this one has.
 * All of it is handed to the connections within the call, so it keeps the order of the calls.
 *
 * @throws Error when one of the servers did not take it
 */
export async function publishOnShards(
  cluster: Cluster,
  redisChannels: readonly string[],
  text: string,
): Promise<void> {
  const servers = new Map(
    cluster.nodes('master').map((server) => [`${server.options.host}:${server.options.port}`, server]),
  );
  const parts = new Map<Redis | undefined, string[]>();
  for (const channel of redisChannels) {
    const server = servers.get(cluster.slots[slotOf(channel)]?.[0] ?? '');
    const part = parts.get(server);
    if (part === undefined) parts.set(server, [channel]);
    else part.push(channel);
  }
  const each = (channels: readonly string[]) =>
    Promise.all(channels.map((channel) => cluster.spublish(channel, text)));
  await Promise.all(
    Array.from(parts, async ([server, channels]) => {
      // By its text and not by its hash: a server that does not know the hash would be asked twice, and be overtaken.
      const missed = await (server === undefined
        ? channels
        : server.eval(PUBLISH_SCRIPT, 0, text, ...channels));
      await each(Array.isArray(missed) ? missed.map(String) : []);
    }),
  );
}

/** The slot of a name: of the part of it in braces, if there is one. */
export function slotOf(name: string): number {
  const start = name.indexOf('{');
  const end = name.indexOf('}', start + 1);
  const hashed = start >= 0 && end > start + 1 ? name.slice(start + 1, end) : name;
  let crc = 0;
  for (const byte of Buffer.from(hashed)) {
    crc ^= byte << BYTE_BITS;
    for (let bit = 0; bit < BYTE_BITS; bit++)
      crc = (crc & TOP_BIT) === 0 ? crc << 1 : (crc << 1) ^ POLYNOMIAL;
  }
  return crc & (SLOTS - 1);
}
