import { appSettings } from './app.js';
import { clusterSettings } from './cluster.js';
import { deliverySettings } from './delivery.js';
import { gatewaySettings } from './gateway.js';
import { handlerSettings } from './handlers.js';
import { historySettings } from './history.js';
import { type KnownProviders, providerSettings } from './provider.js';
import { publicUrlSettings } from './public-url.js';
import { relaySettings } from './relays.js';

/** The sections that belong to no adapter. An inferred type would lose the comments on its way into the declarations. */
export type CoreSections = ReturnType<typeof providerSettings> &
  typeof appSettings &
  typeof relaySettings &
  typeof deliverySettings &
  typeof publicUrlSettings &
  typeof gatewaySettings &
  typeof handlerSettings &
  typeof historySettings &
  typeof clusterSettings;

/** Every setting that belongs to no adapter, in the order of the documentation. */
export function coreSettings(providers: KnownProviders): CoreSections {
  return {
    ...providerSettings(providers),
    ...appSettings,
    ...relaySettings,
    ...deliverySettings,
    ...publicUrlSettings,
    ...gatewaySettings,
    ...handlerSettings,
    ...historySettings,
    ...clusterSettings,
  };
}
