import type { ChannelAuthorizationHandler, UserAuthenticationHandler } from 'pusher-js';
import type { Host } from './host.js';
import { Pusher } from './pusher-browser.js';
import { channelAuth, userAuth } from './signing.js';
import { onTeardown } from './teardown.js';

/** How a `pusher-js` by hand signs in and subscribes, where `/socket/auth` would be too good or could not say it. */
export interface PlainPusherOptions {
  /** Signs in as this. */
  readonly userData?: unknown;
  /** The member's data from the auth endpoint, for presence channels. */
  readonly channelData?: unknown;
  /** Another auth endpoint altogether. */
  readonly authorize?: ChannelAuthorizationHandler;
  readonly authenticate?: UserAuthenticationHandler;
}

/** The real `pusher-js` without the browser helper, connected to a host. Disconnected after the test. */
export function plainPusher(host: Pick<Host, 'app' | 'port'>, options: PlainPusherOptions = {}): Pusher {
  const {
    userData,
    channelData,
    authorize = ({ socketId, channelName }, answer) => {
      const isPresence = channelName.startsWith('presence-');
      answer(null, channelAuth(host.app, socketId, channelName, isPresence ? channelData : undefined));
    },
    authenticate = ({ socketId }, answer) => {
      answer(null, userAuth(host.app, socketId, userData));
    },
  } = options;
  const pusher = new Pusher(host.app.key, {
    cluster: 'x',
    wsHost: '127.0.0.1',
    wsPort: host.port,
    forceTLS: false,
    enabledTransports: ['ws'],
    channelAuthorization: { customHandler: authorize },
    userAuthentication: { customHandler: authenticate },
  });
  onTeardown(() => {
    pusher.disconnect();
  });
  if (userData !== undefined || options.authenticate !== undefined) pusher.signin();
  return pusher;
}

/** Waits until it is connected, and says under which socket id. */
export async function connected(pusher: Pusher): Promise<string> {
  if (pusher.connection.state !== 'connected') {
    await new Promise<void>((resolve) => {
      pusher.connection.bind('connected', () => {
        resolve();
      });
    });
  }
  return pusher.connection.socket_id;
}
