import { AsyncResource } from 'node:async_hooks';

/** Runs work in the asynchronous context of an earlier call: the application's `AsyncLocalStorage`s have that call's values. */
export type CallContext = <T>(work: () => T) => T;

/**
 * Remembers the asynchronous context of the call that is under way: the request's, with nestjs-cls or nestjs-pino. Timers, retries
 * and commits run in another one, and what they report about a relay has to be told in its own.
 */
export function currentContext(): CallContext {
  // Not `AsyncLocalStorage.snapshot()`: on Node 20 it takes a hundred times as long.
  const resource = new AsyncResource('nestjs-switchboard.Relay');
  return (work) => resource.runInAsyncScope(work);
}
