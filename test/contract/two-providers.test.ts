import type { SocketModuleOptions } from 'nestjs-switchboard';
import { type ContractDifferences, describeSocketClient } from 'nestjs-switchboard/testing';
import { startBesidePusher } from './pusher-harness.js';

/** A backend with a Pusher and a gateway of its own; browsers go where it leads them. */
function describeTwo(
  name: string,
  options: SocketModuleOptions,
  differences: ContractDifferences = {},
): void {
  describeSocketClient(name, () => startBesidePusher(options), differences);
}

// As on `pusher` alone: its HTTP API knows no event without data, and no info of members.
const onPusher = { absentPayloadArrivesAs: '', channelMembers: 'ids', canRemoveFromChannel: false } as const;

describeTwo('pusher, mirrored to ws,', { provider: ['pusher', 'ws'], second: { role: 'mirror' } }, onPusher);
describeTwo(
  'ws, mirrored to pusher,',
  { provider: ['ws', 'pusher'], second: { role: 'mirror' } },
  { canRemoveFromChannel: false },
);
describeTwo('pusher, with ws to take over,', { provider: ['pusher', 'ws'] }, onPusher);
describeTwo('ws, with pusher to take over,', { provider: ['ws', 'pusher'] }, { canRemoveFromChannel: false });
