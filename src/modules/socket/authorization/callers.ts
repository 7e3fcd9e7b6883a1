import { HttpException } from '@nestjs/common';
import type { ChannelAuth, Identity, UserAuth } from '../../../ports/authorization.js';
import type { CallerAuthorization } from '../../../ports/callers.js';
import { SocketUsageError } from '../../../ports/errors.js';
import type { HttpRequest } from '../../../ports/http-request.js';
import { Refusal, type RefusalCode } from '../../../ports/refusal.js';
import { socketLog } from '../socket-log.js';
import type { SocketModuleOptions } from '../socket-options.js';
import type { ChannelAuthorization } from './channel-authorization.js';

/** The application's decisions about callers: the same for the auth endpoints, and for adapters that ask here. */
export class Callers implements CallerAuthorization {
  readonly #logger = socketLog();
  readonly #options: SocketModuleOptions;
  readonly #authorization: ChannelAuthorization;

  constructor(options: SocketModuleOptions, authorization: ChannelAuthorization) {
    this.#options = options;
    this.#authorization = authorization;
  }

  get canIdentify(): boolean {
    return this.#options.identify !== undefined;
  }

  async identify(request: HttpRequest): Promise<Identity> {
    if (this.#options.identify === undefined)
      throw new Refusal(
        403,
        'NOT_IDENTIFIED',
        'The caller is not known: SocketModule has no identify(request)',
      );
    const member = await this.#options.identify(request);
    if (typeof member === 'object' && member !== null) return member;
    throw new Refusal(
      403,
      'NOT_IDENTIFIED',
      `The caller is not known: identify(request) returned ${String(member)}`,
    );
  }

  async authorizeChannel(
    member: Identity,
    socketId: string,
    channel: string,
    request: HttpRequest,
  ): Promise<ChannelAuth> {
    const auth = await this.#signOrRefuse(() =>
      this.#authorization.authorizeChannel(member, socketId, channel, request),
    );
    if (auth === undefined)
      throw new Refusal(403, 'CHANNEL_REFUSED', `Channel "${channel}" is not open to this member`, true);
    return auth;
  }

  authorizeUser(member: Identity, socketId: string): Promise<UserAuth> {
    return this.#signOrRefuse(() => this.#authorization.authorizeUser(member, socketId));
  }

  /** Signs, or refuses the caller where the application's own answer about the member is invalid, and logs that. */
  async #signOrRefuse<T>(sign: () => T | Promise<T>): Promise<T> {
    try {
      return await sign();
    } catch (error) {
      if (!(error instanceof SocketUsageError)) throw error;
      this.#logger.error(error.message);
      throw new Refusal(403, 'INVALID_MEMBER', 'The caller cannot be signed in', true);
    }
  }
}

/** The same for an adapter, which knows no HTTP exceptions of Nest: what `identify` or an authorizer throws becomes a refusal. */
export function callersForAdapters(callers: CallerAuthorization): CallerAuthorization {
  return {
    canIdentify: callers.canIdentify,
    identify: (request) => refusing('NOT_IDENTIFIED', () => callers.identify(request)),
    authorizeChannel: (...asked) => refusing('CHANNEL_REFUSED', () => callers.authorizeChannel(...asked)),
    authorizeUser: (...asked) => refusing('NOT_IDENTIFIED', () => callers.authorizeUser(...asked)),
  };
}

async function refusing<T>(code: RefusalCode, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw error instanceof HttpException ? new Refusal(error.getStatus(), code, error.message) : error;
  }
}
