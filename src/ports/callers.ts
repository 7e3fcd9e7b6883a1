import type { ChannelAuth, UserAuth } from './authorization.js';
import type { HttpRequest } from './http-request.js';
import type { Identity } from './identity.js';

/**
 * The application's own decisions about callers, for an adapter whose browsers do not ask the auth endpoints. They are the same
 * decisions as those endpoints make. Each call rejects with a `Refusal`, or with an error of the application.
 */
export interface CallerAuthorization {
  /** Whether the application identifies callers at all. */
  readonly canIdentify: boolean;
  /** The caller, as `identify` finds it in the request. */
  identify(request: HttpRequest): Promise<Identity>;
  /** Signs a subscription for a connection, if the channel's authorizer admits the member. */
  authorizeChannel(
    member: Identity,
    socketId: string,
    channel: string,
    request: HttpRequest,
  ): Promise<ChannelAuth>;
  /** Signs a signin for a connection. */
  authorizeUser(member: Identity, socketId: string): Promise<UserAuth>;
}
