import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import type {
  Admission,
  ChannelAuth,
  Identity,
  PresenceMember,
  UserAuth,
} from '../../../ports/authorization.js';
import { SocketUsageError } from '../../../ports/errors.js';
import type { HttpRequest } from '../../../ports/http-request.js';
import { LIMITS } from '../../../ports/limits.js';
import { shown } from '../../../ports/logger.js';
import { channelType } from '../../../protocol/channel-name.js';
import { channelSecret, encryptionProblem } from '../../../protocol/encryption.js';
import { memberIdProblem } from '../../../protocol/member-id.js';
import { channelStringToSign, sign, userStringToSign } from '../../../protocol/signatures.js';
import { writeUserData } from '../../../protocol/user-data.js';
import { SocketRuntime } from '../../../runtime/socket-runtime.js';
import { socketLog } from '../socket-log.js';
import { type Authorizer, findAuthorizers } from './authorizers.js';

const NO_REQUEST: HttpRequest = { headers: {} };

/** Decides which members may join a channel, and signs that for the gateway or for hosted Pusher. */
@Injectable()
export class ChannelAuthorization implements OnModuleInit {
  readonly #logger = socketLog();
  readonly #runtime: SocketRuntime;
  readonly #discovery: DiscoveryService;
  #authorizers: readonly Authorizer[] | undefined;

  constructor(runtime: SocketRuntime, discovery: DiscoveryService) {
    this.#runtime = runtime;
    this.#discovery = discovery;
  }

  /** Finds every authorizer of the application, so that a faulty one is an error at the start. @throws SocketConfigurationError */
  onModuleInit(): void {
    this.#authorizers = findAuthorizers(this.#discovery.getProviders());
  }

  /**
   * Signs a subscription, if the channel's authorizer admits the member.
   *
   * @param request the one that a request-scoped authorizer is made for @default one without headers, as in tests with the fake
   * @returns `undefined` when the member is refused
   * @throws SocketUsageError when the authorizer answers with an invalid member
   */
  async authorizeChannel(
    member: Identity,
    socketId: string,
    channel: string,
    request: HttpRequest = NO_REQUEST,
  ): Promise<ChannelAuth | undefined> {
    const admission = await this.#admit(member, channel, request);
    if (admission === false) return undefined;
    const { app, encryptionMasterKey } = this.#runtime.config;
    const { access, encrypted } = channelType(channel);
    if (encrypted) {
      if (encryptionMasterKey === undefined) {
        this.#logger.warn(`Refused channel "${channel}": ${encryptionProblem(channel)}`);
        return undefined;
      }
      const secret = channelSecret(channel, encryptionMasterKey).toString('base64');
      return { auth: sign(app, channelStringToSign(socketId, channel)), shared_secret: secret };
    }
    if (access !== 'presence') return { auth: sign(app, channelStringToSign(socketId, channel)) };
    const channelData = presenceData(admission === true ? member : admission, this.#runtime.presenceIdLength);
    return {
      auth: sign(app, channelStringToSign(socketId, channel, channelData)),
      channel_data: channelData,
    };
  }

  /**
   * Signs a signin.
   *
   * @throws SocketUsageError when `identify` returned an invalid member id, or one in its watchlist
   */
  authorizeUser({ id, info, watchlist }: Identity, socketId: string): UserAuth {
    checkMemberId(id, 'identify() returned a bad member id');
    watchlist?.forEach((watched) => {
      checkMemberId(watched, 'identify() returned a watchlist with a bad member id');
    });
    const userData = writeUserData(id, info, watchlist);
    return {
      auth: sign(this.#runtime.config.app, userStringToSign(socketId, userData)),
      user_data: userData,
    };
  }

  async #admit(member: Identity, channel: string, request: HttpRequest): Promise<Admission> {
    // A test can use the module without starting the application.
    this.#authorizers ??= findAuthorizers(this.#discovery.getProviders());
    for (const { name, pattern, instanceFor } of this.#authorizers) {
      const params = pattern.match(channel);
      if (params === undefined) continue;
      const authorizer = await instanceFor(request);
      const answer = admission(await authorizer.authorize(member, params));
      if (answer === false) this.#logger.debug?.(`Refused channel "${channel}": ${name} said no`);
      return answer;
    }
    // A private broadcast channel admits every member that `identify` knows.
    if (channel === this.#runtime.config.broadcastChannel) return true;
    this.#logger.warn(`Refused channel "${channel}": no @AuthorizeChannel(...) covers it`);
    return false;
  }
}

/** Only `true` and a member admit the caller. Any other answer, given by mistake, refuses. */
function admission(answer: unknown): Admission {
  if (answer === true) return true;
  return isMember(answer) ? answer : false;
}

function isMember(value: unknown): value is PresenceMember {
  return typeof value === 'object' && value !== null && 'id' in value && typeof value.id === 'string';
}

/** @throws SocketUsageError `INVALID_MEMBER_ID` */
function checkMemberId(id: unknown, failure: string): void {
  const problem = memberIdProblem(id);
  if (problem !== undefined)
    throw new SocketUsageError('INVALID_MEMBER_ID', `${failure}, ${shown(id)}: ${problem}`);
}

/** @param maximumLength the most characters of the id that every provider allows */
function presenceData({ id, info }: PresenceMember, maximumLength: number): string {
  checkMemberId(id, 'A presence member has a bad id');
  const { length } = Array.from(id);
  if (length > maximumLength) {
    const problem = `it has ${length} characters, and the provider allows ${maximumLength} on presence channels`;
    throw new SocketUsageError(
      'INVALID_MEMBER_ID',
      `A presence member has a bad id, ${shown(id)}: ${problem}`,
    );
  }
  const data = JSON.stringify({ user_id: id, user_info: info });
  if (Buffer.byteLength(data) > LIMITS.presenceDataBytes) {
    throw new SocketUsageError(
      'PAYLOAD_TOO_LARGE',
      `The presence data of member ${shown(id)} has ${Buffer.byteLength(data)} bytes, ${LIMITS.presenceDataBytes} are allowed`,
    );
  }
  return data;
}
