import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';

/**
 * An agent that keeps connections open between requests, and destroys a connection after `silenceMs` milliseconds without
 * data, also in the middle of an answer: the SDK's own timeout ends with the answer's headers. The agent does not limit the
 * number of connections: `ConnectionSlots` does.
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
