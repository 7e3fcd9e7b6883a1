import { broadcasts } from '../support/broadcasts.js';

export default broadcasts({
  name: 'broadcast-8',
  title:
    'A broadcast to 1000 subscribers of a private channel, eight in flight, CPU of the server per delivery',
  subscribers: 1_000,
  inFlight: 8,
  total: 40,
  rounds: 2,
});
