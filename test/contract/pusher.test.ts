import { describeSocketClient } from 'nestjs-switchboard/testing';
import { startBesidePusher } from './pusher-harness.js';

describeSocketClient(
  'pusher',
  () => startBesidePusher({ provider: 'pusher' }),
  // Hosted Pusher requires "data" on every event, and no text parses to `undefined`. Its HTTP API lists members by their ids,
  // and cannot end one subscription.
  { absentPayloadArrivesAs: '', channelMembers: 'ids', canRemoveFromChannel: false },
);
