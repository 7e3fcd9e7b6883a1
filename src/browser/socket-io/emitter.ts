type Handler = (data: never, metadata?: { readonly user_id?: string }) => void;
type GlobalHandler = (event: string, data: unknown) => void;

/** Handlers by their events, with the methods that `pusher-js` has for them. */
export class PusherEmitter {
  readonly #handlers = new Map<string, Set<Handler>>();
  readonly #global = new Set<GlobalHandler>();

  bind(event: string, handler: Handler): this {
    const handlers = this.#handlers.get(event) ?? new Set<Handler>();
    this.#handlers.set(event, handlers.add(handler));
    return this;
  }

  unbind(event: string, handler: Handler): this {
    this.#handlers.get(event)?.delete(handler);
    return this;
  }

  bind_global(handler: GlobalHandler): this {
    this.#global.add(handler);
    return this;
  }

  unbind_global(handler: GlobalHandler): this {
    this.#global.delete(handler);
    return this;
  }

  /** Calls the global handlers first. @param metadata says who has sent a client event */
  emit(event: string, data?: unknown, metadata?: { readonly user_id?: string }): this {
    for (const handler of [...this.#global]) handler(event, data);
    for (const handler of [...(this.#handlers.get(event) ?? [])]) handler(data as never, metadata);
    return this;
  }
}
