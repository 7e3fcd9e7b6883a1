import { Inject, Injectable, Optional } from '@nestjs/common';
import type { RelayMetrics } from '../../relays/relay-reporter.js';
import { Relays } from '../../relays/relays.js';
import { SocketRuntime } from '../../runtime/socket-runtime.js';
import { socketLog } from './socket-log.js';
import { MODULE_METRICS, SOCKET_OPTIONS, type SocketModuleOptions } from './socket-options.js';

/** {@link Relays} as a provider of Nest: business code injects it. */
@Injectable()
export class SocketService extends Relays {
  constructor(
    runtime: SocketRuntime,
    @Inject(SOCKET_OPTIONS) options: SocketModuleOptions,
    @Optional() @Inject(MODULE_METRICS) metrics?: RelayMetrics,
  ) {
    super(runtime, {
      logger: socketLog(SocketService.name),
      metrics,
      onRelayError: (lost) => options.onRelayError?.(lost),
    });
  }
}
