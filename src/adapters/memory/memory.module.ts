import { ContainerModule } from 'inversify';
import { CLOCK } from '../../ports/clock.js';
import { SOCKET_CLIENT } from '../../ports/socket-client.js';
import type { AdapterContext, AdapterParts } from '../adapter.js';
import { compose } from '../compose.js';
import { ManualClock } from './manual-clock.js';
import { MemorySocketClient } from './memory-socket-client.js';

const memoryModule = new ContainerModule(({ bind }) => {
  bind(ManualClock).toService(CLOCK);
  bind(SOCKET_CLIENT).to(MemorySocketClient).inSingletonScope();
});

/** Creates the parts of the fake provider. Its engine runs on a clock that the test moves. */
export function createMemory(context: AdapterContext): Promise<AdapterParts> {
  return compose({ ...context, clock: new ManualClock() }, memoryModule);
}
