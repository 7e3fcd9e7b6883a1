import type Pusher from 'pusher';

/** The part of `node-fetch`'s response that is used here. The SDK returns such responses. */
export interface SdkResponse {
  /** Whether the server redirected the request to another address. */
  readonly redirected: boolean;
  text(): Promise<string>;
}

/**
 * The part of the official SDK that is used here. `body` is the value, not its JSON: the SDK serializes it, although its
 * typings ask for text. Text would be serialized twice.
 */
export interface PusherSdk {
  get(options: { path: string; params?: Record<string, string> }): Promise<SdkResponse>;
  post(options: { path: string; body: unknown }): Promise<SdkResponse>;
}

/** The class of the SDK. */
export type PusherConstructor = new (options: Pusher.Options) => PusherSdk;

/** Loads the `pusher` package, an optional peer dependency. This is its only import in the library. */
export async function loadPusherSdk(): Promise<PusherConstructor> {
  return (await import('pusher')).default;
}
