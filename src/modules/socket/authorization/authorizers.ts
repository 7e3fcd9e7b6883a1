import { ContextIdFactory, ModuleRef } from '@nestjs/core';
import type { InstanceWrapper } from '@nestjs/core/injector/instance-wrapper.js';
import type { ChannelAuthorizer } from '../../../ports/authorization.js';
import { SocketConfigurationError } from '../../../ports/errors.js';
import type { HttpRequest } from '../../../ports/http-request.js';
import { ChannelPattern } from '../../../protocol/channel-pattern.js';
import { ChannelAuthorizerMark } from './authorize-channel.decorator.js';

/** An authorizer of the application, and the channels that it decides about. */
export interface Authorizer {
  readonly name: string;
  /** The name with that of its module. */
  readonly place: string;
  readonly pattern: ChannelPattern;
  /** The instance for a request: the only one, or one that Nest makes for it. */
  readonly instanceFor: (request: HttpRequest) => ChannelAuthorizer | Promise<ChannelAuthorizer>;
}

/**
 * Finds every authorizer among an application's providers, the most specific first.
 *
 * @throws SocketConfigurationError for an authorizer that cannot work, and for two that cover the same channels
 */
export function findAuthorizers(providers: readonly InstanceWrapper[]): readonly Authorizer[] {
  const authorizers = providers.flatMap((provider) => {
    const pattern = patternOf(provider);
    return pattern === undefined ? [] : [authorizer(provider, pattern)];
  });
  const problems = authorizers.flatMap(({ place, pattern }, index) => {
    const other = authorizers.slice(0, index).find((earlier) => earlier.pattern.shape === pattern.shape);
    if (other === undefined) return [];
    return [
      `@AuthorizeChannel("${pattern.text}") of ${place}: another authorizer covers the same channels: ${other.place}`,
    ];
  });
  if (problems.length > 0) throw new SocketConfigurationError(problems);
  return authorizers.sort((a, b) => ChannelPattern.bySpecificity(a.pattern, b.pattern));
}

/** Looks at the token first, because a test may have replaced the class behind it. */
function patternOf({ token, metatype, instance }: InstanceWrapper): ChannelPattern | undefined {
  const constructor: unknown = (instance as object | null | undefined)?.constructor;
  return [token, metatype, constructor]
    .filter((candidate) => typeof candidate === 'function')
    .map((candidate): unknown => Reflect.getMetadata(ChannelAuthorizerMark.KEY, candidate))
    .find((pattern) => pattern instanceof ChannelPattern);
}

function authorizer(provider: InstanceWrapper, pattern: ChannelPattern): Authorizer {
  const { host, metatype, inject } = provider;
  const name = String(provider.name);
  const place = host === undefined ? name : `${name} in ${host.name}`;
  if (provider.isDependencyTreeStatic() && !provider.isTransient) {
    const instance = checked(place, provider.instance);
    return { name, place, pattern, instanceFor: () => instance };
  }
  // Of a factory it is not known yet what it makes.
  if (!inject) checked(place, metatype?.prototype);
  const moduleRef: unknown = host?.getProviderByKey(ModuleRef).instance;
  if (!(moduleRef instanceof ModuleRef)) throw new SocketConfigurationError([`${place}: it is in no module`]);
  const instanceFor = async (request: HttpRequest) => {
    const contextId = contextOf(request, moduleRef, provider.isDependencyTreeDurable());
    // A token of Nest is any of the types that `resolve` names.
    const token = provider.token as Parameters<ModuleRef['resolve']>[0];
    return checked(place, await moduleRef.resolve<unknown, unknown>(token, contextId, { strict: true }));
  };
  return { name, place, pattern, instanceFor };
}

/** The context of a request, as Nest makes it for a request-scoped controller: `REQUEST` can be injected. */
function contextOf(request: HttpRequest, moduleRef: ModuleRef, isDurable: boolean) {
  const contextId = ContextIdFactory.getByRequest(request);
  // Nest has made one already if a guard or a middleware is request-scoped. It is the same at every call then.
  if (contextId === ContextIdFactory.getByRequest(request)) return contextId;
  const { payload } = contextId;
  moduleRef.registerRequestByContextId(isDurable ? payload : Object.assign(request, payload), contextId);
  return contextId;
}

function checked(place: string, candidate: unknown): ChannelAuthorizer {
  if (isAuthorizer(candidate)) return candidate;
  throw new SocketConfigurationError([
    `${place}: a class with @AuthorizeChannel must have a method authorize(member, params)`,
  ]);
}

function isAuthorizer(value: unknown): value is ChannelAuthorizer {
  return (
    typeof value === 'object' &&
    value !== null &&
    'authorize' in value &&
    typeof value.authorize === 'function'
  );
}
