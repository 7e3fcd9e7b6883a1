// The report of a node's process to its parent about a deploy: which relays were accepted, and when it began to send a connection
// away. Plain JavaScript, because Node runs it as it is, on the built package.

// By URL, because where the linters look there is no build.
const built = (path) => import(new URL(`../../../dist/${path}`, import.meta.url));
const { RedisCluster } = await built('cluster/redis/redis-cluster.js');
const { WsConnection } = await built('adapters/ws/ws-connection.js');

const EVERY_MS = 10;

/** Milliseconds on a clock that all processes of a machine share. */
export const now = () => Number(process.hrtime.bigint()) / 1e6;

/** Tells of every connection when its turn to be sent away began: what was accepted before has to reach it. */
export function watchDrain(tell) {
  const gather = gathering((sentAway) => tell({ sentAway }));
  const { caughtUp } = RedisCluster.prototype;
  let begunAt = 0;
  RedisCluster.prototype.caughtUp = function () {
    begunAt = now();
    return caughtUp.call(this);
  };
  const { close } = WsConnection.prototype;
  WsConnection.prototype.close = function (...args) {
    gather([this.id, begunAt || now()]);
    close.apply(this, args);
  };
}

/** Relays to one member after the other, so many every few milliseconds, until a relay is not accepted any more. */
export function startTraffic(service, source, members, each, tell) {
  const gather = gathering((relayed) => tell({ relayed }));
  let isOver = false;
  let next = 0;
  const relay = async (n) => {
    const member = members[n % members.length];
    const calledAt = now();
    const { status } = await service.relayToMember(member, 'STEADY', { source, n });
    if (status === 'sent') gather({ source, n, member, calledAt, settledAt: now() });
    else isOver = true;
  };
  const timer = setInterval(() => {
    if (isOver) clearInterval(timer);
    else for (let count = 0; count < each; count++) void relay(next++);
  }, EVERY_MS);
  timer.unref();
  return () => {
    isOver = true;
  };
}

/** Hands on what one turn of the event loop gathers, together. */
function gathering(handOn) {
  let gathered = [];
  return (item) => {
    if (gathered.push(item) > 1) return;
    setImmediate(() => {
      handOn(gathered);
      gathered = [];
    });
  };
}
