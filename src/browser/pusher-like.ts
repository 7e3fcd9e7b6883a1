/** An object that handlers of events can be bound to. */
export interface Emitter {
  bind(event: string, handler: (data: never) => void): unknown;
  unbind(event: string, handler: (data: never) => void): unknown;
}

/** An emitter that the helper itself tells of refusals. */
interface Listener extends Emitter {
  bind_global(handler: (event: string, data: unknown) => void): unknown;
  unbind_global(handler: (event: string, data: unknown) => void): unknown;
  emit(event: string, data?: unknown): unknown;
}

/**
 * The part of `pusher-js` that the helper uses. The types of `pusher-js` are not imported, because the type of its default
 * export depends on the application's module resolution, and the helper must compile under all of them.
 */
export interface PusherLike {
  readonly connection: Emitter & {
    readonly state: string;
    readonly socket_id: string;
    usingTLS: boolean;
    emit(event: string, data?: unknown): unknown;
  };
  readonly user: Listener & {
    /** Whether it signs in whenever it is connected. */
    signin_requested: boolean;
    /** The member's data, while it is signed in. */
    readonly user_data: unknown;
  };
  channel(name: string): Listener | undefined;
  subscribe(channel: string): Emitter;
  unsubscribe(channel: string): void;
  send_event(event: string, data: unknown, channel?: string): unknown;
  signin(): void;
  disconnect(): void;
}

/**
 * The `pusher-js` class; or the module with it, because that is what some compilers and bundlers take the default import of a
 * CommonJS package for.
 */
export type PusherClass<P extends PusherLike> =
  (new (key: string, options: never) => P) | { readonly default: new (key: string, options: never) => P };
