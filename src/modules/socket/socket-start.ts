import { Module, type OnApplicationBootstrap } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { SocketLifecycle } from './socket-lifecycle.js';

/** Nest calls the hooks of the modules that are far from the root module first; the root module itself is at 1. */
const LAST = -1;

/**
 * Starts everything in the last hook of the application's start. Until then another provider or hook may stop the start, and
 * Nest calls no hook of an application that it could not create: nothing would be closed. The hooks of `SocketModule` itself
 * are too early, because it is global.
 */
@Module({})
export class SocketStart implements OnApplicationBootstrap {
  readonly #lifecycle: SocketLifecycle;

  constructor(modules: ModulesContainer, lifecycle: SocketLifecycle) {
    this.#lifecycle = lifecycle;
    for (const module of modules.values()) if (module.metatype === SocketStart) module.distance = LAST;
  }

  onApplicationBootstrap(): Promise<void> {
    return this.#lifecycle.start();
  }
}
