import type { Agent } from 'node:http';
import * as v from 'valibot';
import { type Clock, within } from '../../../ports/clock.js';
import { wireMemberId } from '../../../protocol/member-id.js';
import { DEFAULT_CLUSTER, type PusherAdapterConfig } from '../pusher.settings.js';
import { ConnectionSlots } from './connection-slots.js';
import { keepAliveAgent } from './keep-alive-agent.js';
import type { PusherConstructor, PusherSdk, SdkResponse } from './pusher-sdk.js';
import { RequestFailure, toRequestFailure } from './request-failure.js';
import { RetryAfter } from './retry-after.js';

/** One event in the form of the HTTP API. */
export interface ApiEvent {
  readonly name: string;
  /** The data's JSON text. */
  readonly data: string;
  readonly exceptSocketId: string | undefined;
  /** Names the event where it may come twice, for all channels or for each of them. Only our own gateways read it. */
  readonly key?: string | readonly string[] | undefined;
}

/** An event of a batch. Each event of a batch has one channel. */
export interface BatchedEvent extends ApiEvent {
  readonly channel: string;
}

/**
 * The most concurrent requests of one client. Measured with 1,000 relays at once, to a server with a round trip of 20 ms: a
 * lower number takes longer, and saves no CPU.
 */
export const CONCURRENT_REQUESTS = 100;

/** No channel has such a name, so the answer to the probe is short. */
const PROBE_PREFIX = 'private-switchboard-health-probe';

const channelState = v.object({ occupied: v.boolean() });
const userList = v.object({ users: v.array(v.object({ id: v.string() })) });
/** A map, or an empty list: PHP servers serialize an empty map as a list. */
const channelList = v.object({
  channels: v.union([v.record(v.string(), v.unknown()), v.array(v.unknown())]),
});

/**
 * The Pusher HTTP API through the official SDK, on its own connections, which stay open between requests. Every method
 * rejects with a {@link RequestFailure} only.
 *
 * A request is sent as soon as a connection is free, and then settles within the configured timeout. A request that could
 * not be sent by `startBy`, in milliseconds of `Clock.now()`, fails instead; without `startBy` it may wait for the timeout.
 */
export class PusherHttpApi {
  readonly #config: PusherAdapterConfig;
  readonly #agent: Agent;
  readonly #retryAfter: RetryAfter;
  readonly #slots: ConnectionSlots;
  readonly #clock: Clock;
  readonly #sdk: PusherSdk;
  #isClosed = false;

  constructor(Pusher: PusherConstructor, config: PusherAdapterConfig, clock: Clock) {
    const { cluster = DEFAULT_CLUSTER, host, port, scheme, timeoutMs } = config.pusher;
    this.#config = config;
    this.#clock = clock;
    this.#slots = new ConnectionSlots(CONCURRENT_REQUESTS, clock);
    this.#agent = keepAliveAgent(scheme, timeoutMs);
    this.#retryAfter = new RetryAfter(this.#agent, clock);
    this.#sdk = new Pusher({
      appId: config.app.id,
      key: config.app.key,
      secret: config.app.secret,
      useTLS: scheme === 'https',
      timeout: timeoutMs,
      agent: this.#agent,
      ...(host === undefined ? { cluster } : { host, ...(port !== undefined && { port: String(port) }) }),
    });
  }

  /**
   * Sends an event to channels, which may be users' own channels. The SDK's `trigger` is not used: it refuses users' own
   * channels, and would encrypt data that is encrypted already.
   */
  async publish(channels: readonly string[], event: ApiEvent, startBy: number): Promise<void> {
    const body = { ...fields(event), channels };
    await this.#request(() => this.#sdk.post({ path: '/events', body }), startBy);
  }

  /** Sends up to ten events in one request; the server publishes them in order. */
  async publishBatch(events: readonly BatchedEvent[], startBy: number): Promise<void> {
    const batch = events.map((event) => ({ ...fields(event), channel: event.channel }));
    await this.#request(() => this.#sdk.post({ path: '/batch_events', body: { batch } }), startBy);
  }

  /** Ends every connection that is signed in as this user. */
  async terminate(userId: string, startBy: number): Promise<void> {
    const path = `/users/${pathSegment(wireMemberId(userId))}/terminate_connections`;
    await this.#request(() => this.#sdk.post({ path, body: {} }), startBy);
  }

  /** Whether a channel has subscribers. */
  async isOccupied(channel: string): Promise<boolean> {
    const text = await this.#request(() => this.#sdk.get({ path: `/channels/${pathSegment(channel)}` }));
    return parse(channelState, text).occupied;
  }

  /** The ids of the members of a presence channel. */
  async users(channel: string): Promise<readonly string[]> {
    const path = `/channels/${pathSegment(channel)}/users`;
    const { users } = parse(userList, await this.#request(() => this.#sdk.get({ path })));
    return users.map(({ id }) => id);
  }

  /** Resolves when the API is reachable and accepts the credentials. */
  async probe(): Promise<void> {
    const params = { filter_by_prefix: PROBE_PREFIX };
    parse(channelList, await this.#request(() => this.#sdk.get({ path: '/channels', params })));
  }

  /** Closes all connections. Pending requests fail, and later ones are not sent. */
  close(): void {
    this.#isClosed = true;
    this.#agent.destroy();
    this.#retryAfter.close();
  }

  async #request(send: () => Promise<SdkResponse>, startBy?: number): Promise<string> {
    const { timeoutMs } = this.#config.pusher;
    try {
      const release = await this.#slots.acquire(startBy ?? this.#clock.now() + timeoutMs);
      if (release === undefined) throw new RequestFailure(NO_TIME_LEFT, { retryable: true });
      const answered = this.#isClosed ? Promise.reject(closed()) : answer(send);
      // A request that timed out keeps its connection until it ends.
      answered.then(release, release);
      // The SDK's own timeout ends with the answer's headers. This one covers the whole answer.
      return await within(this.#clock, timeoutMs, answered, () => {
        throw RequestFailure.timeout(timeoutMs);
      });
    } catch (error) {
      const { secret } = this.#config.app;
      throw toRequestFailure(error, { secret, timeoutMs, retryAfterMs: this.#retryAfter.milliseconds });
    }
  }
}

const NO_TIME_LEFT = 'there was no time left to send it';

function closed(): RequestFailure {
  return new RequestFailure('the client is closed', { retryable: true });
}

async function answer(send: () => Promise<SdkResponse>): Promise<string> {
  const response = await send();
  // A redirected POST arrives as a GET without a body. Its 200 would look as if the server had accepted the event.
  if (response.redirected) {
    throw new RequestFailure(
      'the server redirects elsewhere; check PUSHER_HOST, PUSHER_PORT and PUSHER_SCHEME',
      { retryable: false },
    );
  }
  // The body is always read, because only then is the connection free for the next request.
  return response.text();
}

function fields({ name, data, exceptSocketId, key }: ApiEvent): Record<string, unknown> {
  return {
    ...{ name, data },
    ...(exceptSocketId !== undefined && { socket_id: exceptSocketId }),
    ...(key !== undefined && { idempotency_key: key }),
  };
}

/**
 * Encodes a text as one segment of a path. That is safe, because the SDK signs and sends the path unchanged, and servers
 * check the signature of the path as sent. Characters that a path may contain (`, ; = @`) are not encoded, as in the SDK's
 * own paths: not every compatible server decodes them.
 */
function pathSegment(text: string): string {
  return encodeURIComponent(text).replace(/%(?:2C|3B|3D|40)/g, decodeURIComponent);
}

function parse<T>(schema: v.GenericSchema<unknown, T>, text: string): T {
  try {
    return v.parse(schema, JSON.parse(text));
  } catch {
    throw new RequestFailure(
      'the answer is not one of the Pusher HTTP API; check PUSHER_HOST and PUSHER_PORT',
      { retryable: false },
    );
  }
}
