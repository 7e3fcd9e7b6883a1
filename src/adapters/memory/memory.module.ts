import { ContainerModule } from 'inversify';
import { ChannelEngine } from '../../channels/channel-engine.js';
import { CLOCK } from '../../ports/clock.js';
import { SOCKET_CLIENT } from '../../ports/socket-client.js';
import type { AdapterContext, AdapterParts } from '../adapter.js';
import { compose } from '../compose.js';
import { ManualClock } from './manual-clock.js';
import { MemorySocketClient } from './memory-socket-client.js';

const memoryModule = (engine: ChannelEngine) =>
  new ContainerModule(({ bind }) => {
    bind(ChannelEngine).toConstantValue(engine);
    bind(ManualClock).toService(CLOCK);
    bind(SOCKET_CLIENT).to(MemorySocketClient).inSingletonScope();
  });

/** Creates the parts of the fake provider. Its engine runs on a clock that the test moves. */
export async function createMemory(context: AdapterContext): Promise<AdapterParts> {
  const clock = new ManualClock();
  const engine = await context.createEngine(clock);
  return compose({ ...context, clock }, memoryModule(engine), engine);
}
