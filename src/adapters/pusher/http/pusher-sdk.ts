import type Pusher from 'pusher';
import { missingPackage } from '../../../ports/missing-package.js';

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

/**
 * Loads the `pusher` package, which is an optional peer: nothing else in the library imports it.
 *
 * @throws MissingPackageError when it cannot be loaded
 */
export async function loadPusherSdk(): Promise<PusherConstructor> {
  try {
    const { default: Pusher } = await import('pusher');
    return Pusher;
  } catch (cause) {
    throw missingPackage('pusher', ['pusher'], cause);
  }
}
