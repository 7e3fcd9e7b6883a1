import * as v from 'valibot';
import type { SocketConfig } from '../../ports/socket-config.js';
import { listWhere, textLike } from '../../settings/kinds.js';
import { type ConfigOf, type Kind, setting } from '../../settings/setting.js';

const TRANSPORTS = ['polling', 'websocket'] as const;
type Transport = (typeof TRANSPORTS)[number];
const ALLOWED_TRANSPORTS = `must be one or more of: ${TRANSPORTS.join(', ')}; each once`;

const transports: Kind<readonly Transport[]> = {
  fromText: (text) => text.split(',').map((entry) => entry.trim()),
  schema: v.pipe(
    v.array(v.picklist(TRANSPORTS, ALLOWED_TRANSPORTS), ALLOWED_TRANSPORTS),
    v.check((entries) => entries.length > 0 && new Set(entries).size === entries.length, ALLOWED_TRANSPORTS),
  ),
};

const path = textLike(/^(?:\/[A-Za-z0-9._~-]+)+$/, 'must be like /socket.io, without a slash at its end');

const headerNames = listWhere(
  (entry) => /^[a-z0-9-]+$/.test(entry),
  'must be names of headers in lower case, separated by commas',
);

/** The settings of the gateway for Socket.IO. */
export const socketIoSettings = {
  /** The gateway that speaks Socket.IO. */
  socketIo: {
    /**
     * The path at which the gateway answers Socket.IO clients, as this process sees it.
     *
     * @see docs/socket-io.md
     * @default /socket.io
     */
    path: setting('SOCKET_IO_PATH', path, { default: '/socket.io' }),
    /**
     * The ways that clients may connect in, in the order in which the browser helper tries them. `polling` needs sticky sessions
     * where there are several nodes.
     *
     * @see docs/socket-io.md#several-nodes
     * @default polling,websocket
     */
    transports: setting('SOCKET_IO_TRANSPORTS', transports, { default: TRANSPORTS }),
    /**
     * The headers that a client may send in the `auth.headers` of its handshake, because a browser's WebSocket has none of its own.
     * A header that a proxy sets for this backend must not be among them.
     *
     * @see docs/socket-io.md#members
     * @default authorization
     */
    handshakeHeaders: setting('SOCKET_IO_HANDSHAKE_HEADERS', headerNames, { default: ['authorization'] }),
  },
};

/** The section `socketIo` of the configuration: the gateway that speaks Socket.IO. */
export type SocketIoConfig = ConfigOf<typeof socketIoSettings.socketIo>;

/** The configuration as this adapter reads it. */
export type SocketIoAdapterConfig = SocketConfig & ConfigOf<typeof socketIoSettings>;
