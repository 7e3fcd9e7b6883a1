export { QueuedDelivery } from './queued-delivery.js';
export { recognizeCluster } from './recognize-cluster.js';
export { RecognizedQueue } from './recognized-queue.js';
export { RelayQueue } from './relay-queue.js';
