import { appSettings } from './app.js';
import { clusterSettings } from './cluster.js';
import { deliverySettings } from './delivery.js';
import { gatewaySettings } from './gateway.js';
import { type KnownProviders, providerSettings } from './provider.js';
import { relaySettings } from './relays.js';

/** Every setting that belongs to no adapter, in the order of the documentation. */
export const coreSettings = (providers: KnownProviders) => ({
  ...providerSettings(providers),
  ...appSettings,
  ...relaySettings,
  ...deliverySettings,
  ...gatewaySettings,
  ...clusterSettings,
});

/** The sections of {@link coreSettings}. */
export type CoreSections = ReturnType<typeof coreSettings>;
