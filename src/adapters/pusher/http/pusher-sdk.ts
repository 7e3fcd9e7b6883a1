import type Pusher from 'pusher';

/** What the SDK answers: the part in use of `node-fetch`'s response. */
export interface SdkResponse {
  /** Whether the server sent the request on to another address. */
  readonly redirected: boolean;
  text(): Promise<string>;
}

/**
 * The part of the official SDK in use. The SDK serializes the `body` it is given, although its own typings ask for text;
 * text would be serialized twice.
 */
export interface PusherSdk {
  get(options: { path: string; params?: Record<string, string> }): Promise<SdkResponse>;
  post(options: { path: string; body: unknown }): Promise<SdkResponse>;
}

/** Makes an SDK instance. */
export type PusherConstructor = new (options: Pusher.Options) => PusherSdk;

/** Loads the `pusher` package, which is an optional peer: nothing else in the library imports it. */
export async function loadPusherSdk(): Promise<PusherConstructor> {
  return (await import('pusher')).default;
}
