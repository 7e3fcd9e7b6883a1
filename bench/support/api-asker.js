import { ApiConnection } from './api-connection.js';
import { EVENT, memberOf, paddingFor, payloadOf, userChannel } from './events.js';
import { signedRequest } from './signed-request.js';

/** The most requests in flight at once. */
const CONNECTIONS = 200;

/**
 * The server of a Pusher HTTP API, and the recipients: a channel, or a number of members in turn. A request has one event, or a
 * batch of them.
 *
 * @typedef {{ app: { id: string, key: string, secret: string }, host: string, port: number, channel?: string,
 *   members?: number, bytes: number, batch?: number }} ApiRequest
 */

/** Requests events through the Pusher HTTP API. All requests are signed beforehand, because a client's work is not measured. */
export class ApiAsker {
  #asked = 0;
  /** @type {Promise<void>[]} */
  #answers = [];

  /**
   * @param {readonly ApiConnection[]} connections
   * @param {readonly Buffer[]} requests
   */
  constructor(connections, requests) {
    this.connections = connections;
    this.requests = requests;
  }

  /**
   * @param {ApiRequest} request
   * @param {number} total how many events there will be
   * @param {import('./failures.js').Failures} failures
   */
  static async open({ app, host, port, channel, members = 1, bytes, batch = 0 }, total, failures) {
    const padding = paddingFor(channel ?? userChannel(memberOf(0)), bytes);
    const events = Array.from({ length: total }, (_, index) => ({
      name: EVENT,
      channel: channel ?? userChannel(memberOf(index % members)),
      data: JSON.stringify(payloadOf(index + 1, padding)),
    }));
    const requests = [];
    for (let at = 0; at < total; at += batch || 1) {
      requests.push(
        batch === 0
          ? signedRequest(app, `${host}:${port}`, 'events', events[at])
          : signedRequest(app, `${host}:${port}`, 'batch_events', { batch: events.slice(at, at + batch) }),
      );
    }
    // Single events are sent one after the other, so that they stay in order; batches are sent all at once.
    const count = batch === 0 ? 1 : Math.min(CONNECTIONS, requests.length);
    const connections = Array.from({ length: count }, () => new ApiConnection(host, port, failures.add));
    await Promise.all(connections.map((connection) => connection.open()));
    return new ApiAsker(connections, requests);
  }

  /** @param {number} times */
  ask(times) {
    for (; times > 0; times--) {
      const connection = this.connections[this.#asked % this.connections.length];
      const request = this.requests[this.#asked++];
      if (connection === undefined || request === undefined)
        throw new Error('More was asked for than was prepared.');
      this.#answers.push(connection.send(request));
    }
  }

  /** Resolves when every request was answered. */
  async answered() {
    await Promise.all(this.#answers.splice(0));
  }

  close() {
    for (const connection of this.connections) connection.close();
  }
}
