import { bursts } from '../support/bursts.js';

export default bursts({
  name: 'burst-api',
  title:
    '2000 small messages in 200 requests of 10 at once to 100 subscribers, CPU of the server per delivery',
  isApi: true,
});
