/** An object that handlers of events can be bound to. */
export interface Emitter {
  bind(event: string, handler: (data: never) => void): unknown;
  unbind(event: string, handler: (data: never) => void): unknown;
}

/**
 * The part of `pusher-js` that the helper uses. The types of `pusher-js` are not imported, because the type of its default
 * export depends on the application's module resolution, and the helper must compile under all of them.
 */
export interface PusherLike {
  readonly connection: Emitter & { readonly state: string };
  readonly user: Emitter;
  subscribe(channel: string): Emitter;
  signin(): void;
  disconnect(): void;
}

/** The `pusher-js` class. */
export type PusherClass<P extends PusherLike> = new (key: string, options: never) => P;
