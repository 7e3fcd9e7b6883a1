// A worker without Nest: relays, closes its client, and ends by itself when nothing is left open.
// argv: settings of the library as JSON
import { createSocketClient, socketConfig } from 'nestjs-switchboard';

const client = await createSocketClient(socketConfig({}, JSON.parse(process.argv[2] ?? '{}')), console);
const { status } = await client.relayToMember('ada', 'TICKED', { n: 1 });
await client.relayToMember('ada', 'TICKED', { n: 2 }, { delayMs: 3_600_000 });
client.onChannelEvent('channel_occupied', () => undefined);
await client.close();
process.stdout.write(`closed after ${status}\n`);
