import type { SocketLogger } from '../../../ports/logger.js';
import type { StartedProvider } from '../../../runtime/provider.js';
import type { SocketRuntime } from '../../../runtime/socket-runtime.js';
import type { HandlerMetrics } from './handler-metrics.js';
import { HandlerRegistry, type MarkedProvider } from './handler-registry.js';
import { HostedMessages } from './hosted-messages.js';
import { MessageGate } from './message-gate.js';

/**
 * Hands the messages of every provider's clients to the handlers, until the runtime is closed.
 *
 * @throws SocketConfigurationError with every handler that cannot work
 */
export function startHandlers(
  marked: readonly MarkedProvider[],
  runtime: SocketRuntime,
  logger: SocketLogger,
  metrics: HandlerMetrics | undefined,
): void {
  const handlers = new HandlerRegistry(marked);
  for (const provider of runtime.providers) {
    const { name, clock } = provider;
    const gate = new MessageGate({
      handlers,
      config: runtime.config.handlers,
      clock,
      logger,
      provider: name,
      metrics,
    });
    const stop = connect(provider, gate);
    runtime.onClosed(() => {
      stop();
      gate.close();
    });
  }
}

/** @returns a function that ends it */
function connect({ engine, channelEvents }: StartedProvider, gate: MessageGate): () => void {
  if (engine === undefined) {
    const hosted = new HostedMessages(gate);
    return channelEvents.listen((event) => {
      hosted.take(event);
    });
  }
  engine.connectReceiver(gate);
  return () => undefined;
}
