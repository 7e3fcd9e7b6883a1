import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';

/**
 * An agent that keeps connections open between requests, and gives up each one on which nothing has moved for `silenceMs`
 * milliseconds, also in the midst of an answer: the SDK stops watching once the answer's headers are there.
 * As many are opened as there are requests under way; who makes them sees to the limit.
 */
export function keepAliveAgent(scheme: 'http' | 'https', silenceMs: number): HttpAgent {
  const options = { keepAlive: true, timeout: silenceMs };
  const agent = scheme === 'https' ? new HttpsAgent(options) : new HttpAgent(options);
  const connect = agent.createConnection.bind(agent);
  agent.createConnection = (target, callback) => {
    const socket = connect(target, callback);
    socket?.on('timeout', () => socket.destroy());
    return socket;
  };
  return agent;
}
