import { broadcasts } from '../support/broadcasts.js';

export default broadcasts({
  name: 'broadcast-5000',
  title:
    'A broadcast to 5000 subscribers of a private channel, one in flight, CPU of the server per delivery',
  subscribers: 5_000,
  inFlight: 1,
  total: 10,
  rounds: 1,
});
