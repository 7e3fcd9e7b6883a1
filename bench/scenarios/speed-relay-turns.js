import { relays } from '../support/relays.js';

export default relays({
  name: 'relay-turns',
  title:
    'A relay to one of 1000 members in process, one in every turn of the event loop, CPU of the server per relay',
  unit: 'µs/relay',
  inTurns: true,
});
