import { Inject, Injectable, type OnModuleInit, Optional } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import type { InstanceWrapper } from '@nestjs/core/injector/instance-wrapper.js';
import { SocketRuntime } from '../../../runtime/socket-runtime.js';
import { socketLog } from '../socket-log.js';
import { MODULE_METRICS, type ModuleMetrics } from '../socket-options.js';
import type { MarkedProvider } from './handler-registry.js';
import { type HandlersMark, SocketHandlersMark } from './socket-handlers.decorator.js';

/** Finds the application's handlers of messages. Where there are none, nothing that they need is loaded. */
@Injectable()
export class MessageHandlers implements OnModuleInit {
  readonly #discovery: DiscoveryService;
  readonly #runtime: SocketRuntime;
  readonly #metrics: ModuleMetrics | undefined;
  #starting: Promise<void> | undefined;

  constructor(
    discovery: DiscoveryService,
    runtime: SocketRuntime,
    @Optional() @Inject(MODULE_METRICS) metrics?: ModuleMetrics,
  ) {
    this.#discovery = discovery;
    this.#runtime = runtime;
    this.#metrics = metrics;
  }

  /** @throws SocketConfigurationError with every handler that cannot work */
  onModuleInit(): Promise<void> {
    return this.start();
  }

  /** The same for a test that uses the module without starting the application. A second call waits for the first. */
  start(): Promise<void> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  async #start(): Promise<void> {
    const marked = this.#discovery.getProviders().flatMap(markedIn);
    if (marked.length === 0) return;
    const { startHandlers } = await import('./start-handlers.js');
    startHandlers(marked, this.#runtime, socketLog('SocketHandlers'), this.#metrics);
  }
}

/** Looks at the token first, because a test may have replaced the class behind it. */
function markedIn(provider: InstanceWrapper): MarkedProvider[] {
  const { token, metatype, isAlias } = provider;
  for (const marked of isAlias ? [] : [token, metatype]) {
    if (typeof marked !== 'function') continue;
    const mark = Reflect.getMetadata(SocketHandlersMark.KEY, marked) as HandlersMark | undefined;
    if (mark !== undefined) return [{ provider, mark, marked }];
  }
  return [];
}
