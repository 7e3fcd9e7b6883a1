import { AsyncLocalStorage } from 'node:async_hooks';
import type { RelayCall, RelayLog } from './relay-log.js';
import type { SocketLog } from '../modules/socket/socket-log.js';

/** One call of `SocketService` that was checked and not sent. */
export interface HeldCall extends RelayCall {
  /** Sends it now. What it rejects with is logged: nobody is left who could be told. */
  send(): Promise<unknown>;
}

/** What is asynchronous inside one transaction finds it here. */
interface Scope {
  readonly parent: Scope | undefined;
  /** Calls of the outermost scope and of all within it, in the order they were made. */
  readonly held: { readonly scope: Scope; readonly call: HeldCall }[];
  state: 'open' | 'committed' | 'rolled back';
}

/**
 * Holds calls back while the transaction in which they are made is open, sends them in the order they were made once it
 * has committed, and forgets them when it rolls back. A scope within an open one waits for the outermost.
 */
export class AfterCommit {
  readonly #scopes = new AsyncLocalStorage<Scope>();

  constructor(
    private readonly logger: SocketLog,
    private readonly relayLog: RelayLog,
  ) {}

  /** Runs a transaction: resolves or rejects as `work` does, after which what was made in it is sent or forgotten. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const parent = openAround(this.#scopes.getStore());
    const scope: Scope = { parent, held: parent?.held ?? [], state: 'open' };
    try {
      // `await`, so that what `work` throws is a rollback too.
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

  /** Whether a call that is made now may belong to a transaction. */
  get isEntered(): boolean {
    return this.#scopes.getStore() !== undefined;
  }

  /**
   * Takes a call if it is made in a transaction.
   *
   * @returns `queued` when it waits for the commit, `dropped` when that was rolled back, and `undefined` when it can be sent
   * now: it belongs to no transaction, or to one that has committed
   */
  take(call: HeldCall): 'queued' | 'dropped' | undefined {
    const scope = this.#scopes.getStore();
    if (scope === undefined) return undefined;
    switch (stateOf(scope)) {
      case 'committed':
        return undefined;
      case 'open':
        scope.held.push({ scope, call });
        return 'queued';
      case 'rolled back':
        this.relayLog.dropped(call);
        return 'dropped';
    }
  }

  #settle(scope: Scope): void {
    // What commits in a transaction that is open changes nothing for the calls.
    if (stateOf(scope) === 'open') return;
    const all = scope.held.splice(0).map((held) => ({ ...held, state: stateOf(held.scope) }));
    // A scope that nobody awaited can outlive the one around it.
    scope.held.push(...all.filter(({ state }) => state === 'open'));
    const dropped = all.filter(({ state }) => state === 'rolled back');
    if (dropped.length > 0)
      this.logger.debug(`A transaction was rolled back, and ${dropped.length} relay(s) with it`);
    for (const { call, state } of all) if (state === 'committed') this.#send(call);
  }

  #send(call: HeldCall): void {
    call.send().catch((error: unknown) => {
      this.logger.error(`Relay ${call.id} failed after the commit: ${String(error)}`, { id: call.id });
    });
  }
}

/** What has ended cannot have another transaction within it: what it left behind begins one of its own. */
function openAround(scope: Scope | undefined): Scope | undefined {
  let at = scope;
  while (at !== undefined && at.state !== 'open') at = at.parent;
  return at;
}

/** The scope's own, with those around it: one that is rolled back takes all in it along, one that is open holds all. */
function stateOf(scope: Scope): Scope['state'] {
  let state: Scope['state'] = 'committed';
  for (let at: Scope | undefined = scope; at !== undefined; at = at.parent) {
    if (at.state === 'rolled back') return 'rolled back';
    if (at.state === 'open') state = 'open';
  }
  return state;
}
