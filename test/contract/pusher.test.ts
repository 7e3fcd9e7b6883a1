import { describeSocketClient } from 'nestjs-switchboard/testing';
import { HISTORY } from './history.js';
import { startBesidePusher } from './pusher-harness.js';

// Hosted Pusher requires "data" on every event, and no text parses to `undefined`. Its HTTP API lists members by their ids, and cannot
// end one subscription.
const DIFFERENCES = { channelMembers: 'ids', canRemoveFromChannel: false } as const;

describeSocketClient('pusher', () => startBesidePusher({ provider: 'pusher' }), {
  ...DIFFERENCES,
  absentPayloadArrivesAs: '',
});

// An envelope can say that there is no payload.
describeSocketClient(
  'pusher with history in envelopes',
  () => startBesidePusher({ provider: 'pusher', history: HISTORY }),
  { ...DIFFERENCES, hasHistory: true },
);
