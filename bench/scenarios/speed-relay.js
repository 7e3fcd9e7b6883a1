import { relays } from '../support/relays.js';

export default relays({
  name: 'relay',
  title: 'A relay to one of 1000 members in process, one in flight, CPU of the server per relay',
  unit: 'µs/relay',
});
