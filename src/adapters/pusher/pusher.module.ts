import { ContainerModule } from 'inversify';
import { CLOCK, type Clock } from '../../ports/clock.js';
import type { EventLog } from '../../ports/history.js';
import { LOGGER, type SocketLogger } from '../../ports/logger.js';
import { SOCKET_CLIENT } from '../../ports/socket-client.js';
import { SOCKET_CONFIG } from '../../ports/socket-config.js';
import type { AdapterContext, AdapterParts } from '../adapter.js';
import { compose, SERVER_ATTACHMENT } from '../compose.js';
import { PusherHttpApi } from './http/pusher-http-api.js';
import { loadPusherSdk } from './http/pusher-sdk.js';
import type { PusherAdapterConfig, pusherSettings } from './pusher.settings.js';
import { PusherSocketClient } from './pusher-socket-client.js';
import { WebhookReceiver } from './webhook/webhook-receiver.js';

const pusherModule = (log: EventLog) =>
  new ContainerModule(async ({ bind }) => {
    const Pusher = await loadPusherSdk();
    bind(SERVER_ATTACHMENT).to(WebhookReceiver).inSingletonScope();
    bind(SOCKET_CLIENT)
      .toDynamicValue((context) => {
        const config = context.get<PusherAdapterConfig>(SOCKET_CONFIG);
        const clock = context.get<Clock>(CLOCK);
        const api = new PusherHttpApi(Pusher, config, clock);
        return new PusherSocketClient(api, config, context.get<SocketLogger>(LOGGER), clock, log);
      })
      .inSingletonScope();
  });

/** Creates the parts of the adapter `pusher`. Imports the `pusher` package. */
export async function createPusher(context: AdapterContext<typeof pusherSettings>): Promise<AdapterParts> {
  const { config, logger } = context;
  const history = await context.createLog();
  if (config.history.channels.length > 0 && !config.pusher.envelope)
    logger.warn(
      'SOCKET_HISTORY on "pusher": pages catch up only with PUSHER_ENVELOPE=true, for which they have to use connect()',
    );
  return { ...(await compose(context, pusherModule(history))), history };
}
