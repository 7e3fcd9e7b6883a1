import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import type {
  Admission,
  ChannelAuth,
  ChannelAuthorizer,
  Identity,
  PresenceMember,
  UserAuth,
} from '../../ports/authorization.js';
import { SocketConfigurationError, SocketUsageError } from '../../ports/errors.js';
import { LIMITS } from '../../ports/limits.js';
import { channelType, memberIdProblem } from '../../protocol/channel-name.js';
import { channelSecret, encryptionProblem } from '../../protocol/encryption.js';
import { channelStringToSign, sign, userStringToSign } from '../../protocol/signatures.js';
import { ChannelAuthorizerMark } from './authorize-channel.decorator.js';
import { ChannelPattern } from './channel-pattern.js';
import { SocketRuntime } from './socket-runtime.js';

interface Registration {
  readonly pattern: ChannelPattern;
  readonly authorizer: ChannelAuthorizer;
}

/** Who may join what, and the signatures that prove it to the gateway or to hosted Pusher. */
@Injectable()
export class ChannelAuthorization implements OnModuleInit {
  private readonly logger = new Logger('SocketModule');
  #registrations: readonly Registration[] = [];

  constructor(
    private readonly runtime: SocketRuntime,
    private readonly discovery: DiscoveryService,
  ) {}

  /** Finds every authorizer of the application. */
  onModuleInit(): void {
    this.#registrations = this.discovery
      .getProviders({ metadataKey: ChannelAuthorizerMark.KEY })
      .map((wrapper) =>
        register(
          wrapper.name,
          this.discovery.getMetadataByDecorator(ChannelAuthorizerMark, wrapper),
          wrapper.instance,
        ),
      )
      .sort((a, b) => ChannelPattern.bySpecificity(a.pattern, b.pattern));
    const shapes = this.#registrations.map(({ pattern }) => pattern.shape);
    const twice = this.#registrations.filter(({ pattern }, index) => shapes.indexOf(pattern.shape) !== index);
    if (twice.length > 0) {
      throw new SocketConfigurationError(
        twice.map(
          ({ pattern }) =>
            `@AuthorizeChannel("${pattern.text}"): another authorizer covers the same channels`,
        ),
      );
    }
  }

  /**
   * Signs a subscription, when the channel's authorizer admits the member.
   *
   * @returns nothing when it is refused
   */
  async authorizeChannel(
    member: Identity,
    socketId: string,
    channel: string,
  ): Promise<ChannelAuth | undefined> {
    const admission = await this.#admit(member, channel);
    if (admission === false) return undefined;
    const { app, encryptionMasterKey } = this.runtime.config;
    const { access, encrypted } = channelType(channel);
    if (encrypted) {
      if (encryptionMasterKey === undefined) {
        this.logger.warn(`Refused channel "${channel}": ${encryptionProblem(channel)}`);
        return undefined;
      }
      const secret = channelSecret(channel, encryptionMasterKey).toString('base64');
      return { auth: sign(app, channelStringToSign(socketId, channel)), shared_secret: secret };
    }
    if (access !== 'presence') return { auth: sign(app, channelStringToSign(socketId, channel)) };
    const channelData = presenceData(admission === true ? member : admission);
    return {
      auth: sign(app, channelStringToSign(socketId, channel, channelData)),
      channel_data: channelData,
    };
  }

  /**
   * Signs a signin.
   *
   * @throws SocketUsageError when `identify` gave an id that no member may have
   */
  authorizeUser(member: Identity, socketId: string): UserAuth {
    const problem = memberIdProblem(member.id);
    if (problem !== undefined)
      throw new SocketUsageError('INVALID_MEMBER_ID', `identify() gave a bad member id: ${problem}`);
    const userData = JSON.stringify({ id: member.id, user_info: member.info });
    return { auth: sign(this.runtime.config.app, userStringToSign(socketId, userData)), user_data: userData };
  }

  async #admit(member: Identity, channel: string): Promise<Admission> {
    for (const { pattern, authorizer } of this.#registrations) {
      const params = pattern.match(channel);
      if (params !== undefined) return authorizer.authorize(member, params);
    }
    // A private broadcast channel is for everybody the application knows.
    if (channel === this.runtime.config.broadcastChannel) return true;
    this.logger.warn(`Refused channel "${channel}": no @AuthorizeChannel(...) covers it`);
    return false;
  }
}

function register(name: unknown, pattern: ChannelPattern | undefined, instance: unknown): Registration {
  if (pattern === undefined || !isAuthorizer(instance)) {
    throw new SocketConfigurationError([
      `${String(name)}: a class with @AuthorizeChannel must be a singleton with a method authorize(member, params)`,
    ]);
  }
  return { pattern, authorizer: instance };
}

function isAuthorizer(value: unknown): value is ChannelAuthorizer {
  return (
    typeof value === 'object' &&
    value !== null &&
    'authorize' in value &&
    typeof value.authorize === 'function'
  );
}

function presenceData({ id, info }: PresenceMember): string {
  const data = JSON.stringify({ user_id: id, user_info: info });
  const problem = memberIdProblem(id);
  if (problem !== undefined)
    throw new SocketUsageError('INVALID_MEMBER_ID', `A presence member has a bad id: ${problem}`);
  if (Buffer.byteLength(data) > LIMITS.presenceDataBytes) {
    throw new SocketUsageError(
      'PAYLOAD_TOO_LARGE',
      `The presence data of member "${id}" has ${Buffer.byteLength(data)} bytes, ${LIMITS.presenceDataBytes} are allowed`,
    );
  }
  return data;
}
