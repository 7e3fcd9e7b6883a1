import { Inject, Injectable, type OnApplicationShutdown, Optional } from '@nestjs/common';
import type { RelayMetrics } from '../../relays/relay-log.js';
import { Relays } from '../../relays/relays.js';
import { SocketRuntime } from '../../runtime/socket-runtime.js';
import { socketLog } from './socket-log.js';
import { RELAY_METRICS, SOCKET_OPTIONS, type SocketModuleOptions } from './socket-options.js';

/** The Nest face of {@link Relays}: business code injects it. */
@Injectable()
export class SocketService extends Relays implements OnApplicationShutdown {
  constructor(
    runtime: SocketRuntime,
    @Inject(SOCKET_OPTIONS) options: SocketModuleOptions,
    @Optional() @Inject(RELAY_METRICS) metrics?: RelayMetrics,
  ) {
    super({
      config: runtime.config,
      client: runtime.client,
      clock: runtime.clock,
      logger: socketLog(SocketService.name),
      provider: () => runtime.provider,
      channelEvents: runtime.channelEvents,
      deliver: (listener) => runtime.deliver(listener),
      metrics,
      onRelayError: (lost) => options.onRelayError?.(lost),
    });
  }

  /** Once everything is closed, so that the events of the shutdown itself are still told. */
  onApplicationShutdown(): void {
    this.release();
  }
}
