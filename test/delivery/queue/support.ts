import 'reflect-metadata';
import { Test } from '@nestjs/testing';
import {
  type LostRelay,
  type Receipt,
  type RelayOptions,
  SocketModule,
  type SocketModuleOptions,
  SocketService,
} from 'nestjs-switchboard';
import { APP, type HttpApi, onTeardown } from '../../adapters/pusher/support.js';
import type { RedisServer } from '../../support/redis.js';

/** One application whose relays go by way of the queue. */
export interface QueueApp {
  readonly service: SocketService;
  readonly losses: LostRelay[];
  readonly close: () => Promise<void>;
}

/** The settings that a test may give besides the queue. */
export interface QueueAppOptions extends Omit<SocketModuleOptions, 'pusher' | 'redis'> {
  readonly timeoutMs?: number;
  readonly prefix?: string;
}

/** An application on the provider `pusher`, through its real SDK, with a real queue in a real Redis. */
export async function startQueueApp(
  redis: Pick<RedisServer, 'url'>,
  api: Pick<HttpApi, 'port'>,
  { delivery, timeoutMs = 5_000, prefix = 'test', ...options }: QueueAppOptions = {},
): Promise<QueueApp> {
  const losses: LostRelay[] = [];
  const module = SocketModule.forRoot({
    env: {},
    provider: 'pusher',
    app: APP,
    pusher: { host: '127.0.0.1', port: api.port, scheme: 'http', timeoutMs },
    delivery: { mode: 'queue', ...delivery },
    redis: { url: redis.url, prefix },
    onRelayError: (lost) => void losses.push(lost),
    ...options,
  });
  const app = (await Test.createTestingModule({ imports: [module] }).compile()).createNestApplication({
    logger: false,
  });
  let closing: Promise<void> | undefined;
  const close = () => (closing ??= app.close());
  onTeardown(close);
  await app.init();
  return { service: app.get(SocketService), losses, close };
}

/** Relays a number to a member. */
export function note(
  service: SocketService,
  memberId: string,
  number: number,
  options?: RelayOptions,
): Promise<Receipt> {
  return service.relayToMember(memberId, 'MEMBER_MESSAGED', { from: 'ada', text: String(number) }, options);
}

/** The numbers that a member was sent, in the order in which the server got them. */
export function numbersTo(api: Pick<HttpApi, 'events'>, memberId: string): number[] {
  return api.events
    .filter(({ channel }) => channel === `#server-to-user-${memberId}`)
    .map(({ data }) => Number((JSON.parse(String(data)) as { text: string }).text));
}

/** The numbers from 0, so many of them. */
export function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, number) => number);
}
