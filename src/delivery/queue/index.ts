export { QueuedDelivery } from './queued-delivery.js';
export { RelayQueue } from './relay-queue.js';
