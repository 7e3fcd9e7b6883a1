import type { Credentials } from '../signing.js';
import type { NodeSettings } from './nodes.js';

/** The credentials of development, which the nodes have. */
export const APP: Credentials = {
  id: 'switchboard',
  key: 'switchboard-key',
  secret: 'switchboard-secret',
};

/** The environment of every node of these tests. */
export const NODE_SETTINGS: NodeSettings = {
  SOCKET_PROVIDER: 'ws',
  SOCKET_HTTP_API: 'true',
  SOCKET_SUBSCRIPTION_COUNT: 'true',
  SOCKET_CLIENT_EVENTS: 'true',
};
