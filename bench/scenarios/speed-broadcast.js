import { broadcasts } from '../support/broadcasts.js';

export default broadcasts({
  name: 'broadcast',
  title:
    'A broadcast to 1000 subscribers of a private channel, one in flight, CPU of the server per delivery',
  subscribers: 1_000,
  inFlight: 1,
  total: 32,
  rounds: 2,
});
