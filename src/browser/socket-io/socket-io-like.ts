/** As the types of `socket.io-client` have it, which must be assignable. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- it is what those types have
type Handler = (...values: any[]) => void;

/** The part of a socket of `socket.io-client` that the helper uses. Its types are not imported, so that it need not be installed. */
export interface SocketIoLike {
  readonly connected: boolean;
  /** Whether it connects again by itself. */
  readonly active: boolean;
  connect(): unknown;
  disconnect(): unknown;
  on(event: string, handler: Handler): unknown;
  onAny(handler: Handler): unknown;
  emit(event: string, ...values: unknown[]): unknown;
}

/** The function `io` of `socket.io-client`. */
export type SocketIoFunction<S extends SocketIoLike> = (url: string, options: never) => S;

/** Whether the application has passed the function `io`, which has a `Manager`, and not a class of `pusher-js`, which has none. */
export function isSocketIo(given: unknown): given is SocketIoFunction<SocketIoLike> {
  return typeof given === 'function' && 'Manager' in given;
}
