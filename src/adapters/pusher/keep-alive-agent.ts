import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';

/** So many connections are opened at most. More requests than that wait for one of them, within their own timeout. */
const MAX_CONNECTIONS = 100;

/**
 * An agent that keeps connections open between requests, and gives up each one on which nothing has moved for `silenceMs`
 * milliseconds, also in the midst of an answer: the SDK stops watching once the answer's headers are there.
 */
export function keepAliveAgent(scheme: 'http' | 'https', silenceMs: number): HttpAgent {
  const options = { keepAlive: true, maxSockets: MAX_CONNECTIONS, timeout: silenceMs };
  const agent = scheme === 'https' ? new HttpsAgent(options) : new HttpAgent(options);
  const connect = agent.createConnection.bind(agent);
  agent.createConnection = (target, callback) => {
    const socket = connect(target, callback);
    socket?.on('timeout', () => socket.destroy());
    return socket;
  };
  return agent;
}
