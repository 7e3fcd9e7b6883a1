/**
 * The events that every client must get. `same`: every event, in order. `batches`: every event, in order within its batch,
 * because batches overtake each other. `turns`: the first event goes to the first client, the next one to the next.
 *
 * @typedef {'same' | 'batches' | 'turns'} EventOrder
 */

/** Checks that every client gets each of its events once, and in order. */
export class Ledger {
  /** The number of clients that an event has not reached yet, by sequence number. @type {Map<number, number>} */
  #missing = new Map();
  /** The number of events that have reached every client. */
  complete = 0;

  /**
   * @param {readonly import('./client.js').Client[]} clients
   * @param {{ order: EventOrder, batch: number, total: number }} expected
   */
  constructor(clients, { order, batch, total }) {
    this.order = order;
    this.batch = batch;
    this.step = order === 'turns' ? clients.length : 1;
    this.listeners = order === 'turns' ? 1 : clients.length;
    clients.forEach((client, index) => {
      client.heard = order === 'turns' ? index + 1 - clients.length : 0;
      client.heardOf = order === 'batches' ? new Uint8Array(Math.ceil(total / batch)) : undefined;
    });
  }

  /** Whether an event has reached some clients and not all. */
  get isOpen() {
    return this.#missing.size > 0;
  }

  /**
   * @param {import('./client.js').Client} client
   * @param {number} sequence
   * @returns {'wrong' | 'open' | 'complete'} `wrong` when the client had to get another event next
   */
  count(client, sequence) {
    if (client.heardOf !== undefined) {
      const batch = Math.floor((sequence - 1) / this.batch);
      if (client.heardOf[batch] !== (sequence - 1) % this.batch) return 'wrong';
      client.heardOf[batch]++;
    } else if (sequence !== client.heard + this.step) return 'wrong';
    client.heard = sequence;
    const missing = (this.#missing.get(sequence) ?? this.listeners) - 1;
    if (missing > 0) {
      this.#missing.set(sequence, missing);
      return 'open';
    }
    this.#missing.delete(sequence);
    this.complete++;
    return 'complete';
  }
}
