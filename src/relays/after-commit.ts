import { AsyncLocalStorage } from 'node:async_hooks';
import { SocketUsageError } from '../ports/errors.js';
import type { SocketLogger } from '../ports/logger.js';
import { type CallContext, currentContext } from './call-context.js';
import type { CheckedRelay } from './call-order.js';

/** The state of one `afterCommit` call, which all asynchronous code within the call shares. */
interface Scope {
  readonly parent: Scope | undefined;
  /** The held relays of the outermost scope and of all scopes within it, in the order of the calls. */
  readonly held: HeldRelay[];
  state: 'open' | 'committed' | 'rolled back';
}

interface HeldRelay {
  readonly scope: Scope;
  readonly relay: CheckedRelay;
  readonly inContext: CallContext;
}

/**
 * Holds relays while their transaction is open, sends them in the order of the calls once it has committed, and drops them
 * when it rolls back. The relays of a transaction within an open one wait for the outermost.
 */
export class AfterCommit {
  readonly #logger: SocketLogger;
  readonly #send: (relay: CheckedRelay) => Promise<unknown>;
  readonly #scopes = new AsyncLocalStorage<Scope>();

  /** @param send sends a relay that was held; its rejection is logged, because the caller was answered before */
  constructor(logger: SocketLogger, send: (relay: CheckedRelay) => Promise<unknown>) {
    this.#logger = logger;
    this.#send = send;
  }

  /** Runs a transaction, and resolves or rejects as `work` does. Its relays are then sent or dropped. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const parent = openAround(this.#scopes.getStore());
    const scope: Scope = { parent, held: parent?.held ?? [], state: 'open' };
    try {
      // `await`, so that an error thrown by `work` is a rollback too.
      const result = await this.#scopes.run(scope, async () => await work());
      scope.state = 'committed';
      return result;
    } catch (error) {
      scope.state = 'rolled back';
      throw error;
    } finally {
      this.#settle(scope);
    }
  }

  /**
   * Takes a relay if it is made in a transaction.
   *
   * @returns `queued` when it waits for the commit, `dropped` when the transaction was rolled back, and `undefined` when it
   * can be sent now, because it belongs to no transaction or to one that has committed
   */
  hold(relay: CheckedRelay): 'queued' | 'dropped' | undefined {
    const scope = this.#scopes.getStore();
    if (scope === undefined) return undefined;
    switch (stateOf(scope)) {
      case 'committed':
        return undefined;
      case 'open':
        scope.held.push({ scope, relay, inContext: currentContext() });
        return 'queued';
      case 'rolled back':
        return 'dropped';
    }
  }

  #settle(scope: Scope): void {
    // A commit within an open transaction decides nothing yet.
    if (stateOf(scope) === 'open') return;
    const all = scope.held.splice(0).map((held) => ({ ...held, state: stateOf(held.scope) }));
    // An inner transaction that was not awaited can still be open when the outer one ends.
    scope.held.push(...all.filter(({ state }) => state === 'open'));
    const dropped = all.filter(({ state }) => state === 'rolled back');
    if (dropped.length > 0)
      this.#logger.debug?.(`A transaction was rolled back, and ${dropped.length} relay(s) with it`);
    for (const { relay, inContext, state } of all) {
      if (state !== 'committed') continue;
      inContext(() => {
        this.#sendNow(relay);
      });
    }
  }

  #sendNow(relay: CheckedRelay): void {
    this.#send(relay).catch(async (error: unknown) => {
      // Its call was told, when it was checked.
      if (error instanceof SocketUsageError) return;
      const { id } = await relay;
      this.#logger.error(`Relay ${id} failed after the commit: ${String(error)}`, { id });
    });
  }
}

/** The innermost open scope. A scope that has ended cannot have another transaction within it. */
function openAround(scope: Scope | undefined): Scope | undefined {
  let at = scope;
  while (at !== undefined && at.state !== 'open') at = at.parent;
  return at;
}

/**
 * The scope's state, with the scopes around it. If any of them was rolled back, so is this one; otherwise, if any is open, this
 * one is open too.
 */
function stateOf(scope: Scope): Scope['state'] {
  let state: Scope['state'] = 'committed';
  for (let at: Scope | undefined = scope; at !== undefined; at = at.parent) {
    if (at.state === 'rolled back') return 'rolled back';
    if (at.state === 'open') state = 'open';
  }
  return state;
}
