import { relays } from '../support/relays.js';

export default relays({
  name: 'relay-api',
  title: 'A relay to one of 1000 members through the HTTP API, one in flight, CPU of the server per request',
  unit: 'µs/request',
  isApi: true,
});
