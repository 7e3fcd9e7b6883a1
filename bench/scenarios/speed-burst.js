import { bursts } from '../support/bursts.js';

export default bursts({
  name: 'burst',
  title: '2000 small messages published in one turn to 100 subscribers, CPU of the server per delivery',
  isApi: false,
});
