import type { Agent } from 'node:http';
import { z } from 'zod';
import type { SocketConfig } from '../../ports/socket-config.js';
import { within } from './deadline.js';
import { keepAliveAgent } from './keep-alive-agent.js';
import type { PusherConstructor, PusherSdk, SdkResponse } from './pusher-sdk.js';
import { RequestFailure, toRequestFailure } from './request-failure.js';

/** One event as the HTTP API takes it. */
export interface OutgoingEvent {
  readonly name: string;
  /** Already JSON. */
  readonly data: string;
  readonly exceptSocketId: string | undefined;
}

/** Pusher's first cluster. Browsers need a cluster's name even where their own host makes it meaningless. */
export const DEFAULT_CLUSTER = 'mt1';

/** Nobody names a channel like this, so the answer to the probe is short. */
const PROBE_PREFIX = 'private-switchboard-health-probe';

const channelState = z.object({ occupied: z.boolean() });
/** PHP servers write an empty map as an empty list. */
const channelList = z.object({
  channels: z.union([z.record(z.string(), z.unknown()), z.array(z.unknown())]),
});

/**
 * The Pusher HTTP API through the official SDK, on connections of its own that stay open between requests. Every method
 * settles within the configured timeout, and rejects with a {@link RequestFailure} only.
 */
export class PusherHttpApi {
  readonly #config: SocketConfig;
  readonly #agent: Agent;
  readonly #sdk: PusherSdk;
  #closed = false;

  constructor(Pusher: PusherConstructor, config: SocketConfig) {
    const { cluster = DEFAULT_CLUSTER, host, port, scheme, timeoutMs } = config.pusher;
    this.#config = config;
    this.#agent = keepAliveAgent(scheme, timeoutMs);
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
   * Sends an event to channels, users' own among them. The SDK's `trigger` would refuse those, and would encrypt what is
   * encrypted already.
   */
  async publish(channels: readonly string[], event: OutgoingEvent): Promise<void> {
    const body = { name: event.name, data: event.data, channels, ...exclusion(event) };
    await this.#request(() => this.#sdk.post({ path: '/events', body }));
  }

  /** Ends every connection that is signed in as this user. */
  async terminate(userId: string): Promise<void> {
    await this.#request(() =>
      this.#sdk.post({ path: `/users/${pathSegment(userId)}/terminate_connections`, body: {} }),
    );
  }

  /** Whether anybody is subscribed to a channel. */
  async isOccupied(channel: string): Promise<boolean> {
    const text = await this.#request(() => this.#sdk.get({ path: `/channels/${pathSegment(channel)}` }));
    return parse(channelState, text).occupied;
  }

  /** Resolves when the API is reachable and takes the credentials. */
  async probe(): Promise<void> {
    const params = { filter_by_prefix: PROBE_PREFIX };
    parse(channelList, await this.#request(() => this.#sdk.get({ path: '/channels', params })));
  }

  /** Closes all connections. Requests under way fail, later ones are not made. */
  close(): void {
    this.#closed = true;
    this.#agent.destroy();
  }

  async #request(send: () => Promise<SdkResponse>): Promise<string> {
    const { timeoutMs } = this.#config.pusher;
    try {
      if (this.#closed) throw new RequestFailure('the client is closed', { retryable: true });
      // The SDK's own timeout ends with the answer's headers; this one also covers an answer that never ends.
      return await within(timeoutMs, answer(send), () => {
        throw RequestFailure.timeout(timeoutMs);
      });
    } catch (error) {
      throw toRequestFailure(error, { secret: this.#config.app.secret, timeoutMs });
    }
  }
}

async function answer(send: () => Promise<SdkResponse>): Promise<string> {
  const response = await send();
  // A redirected POST arrives as a GET without a body, and its 200 would look as if the event had been taken.
  if (response.redirected) {
    throw new RequestFailure(
      'the server redirects elsewhere; check PUSHER_HOST, PUSHER_PORT and PUSHER_SCHEME',
      { retryable: false },
    );
  }
  // Read also where nobody wants it, because only then is the connection free for the next request.
  return response.text();
}

function exclusion({ exceptSocketId }: OutgoingEvent): { socket_id?: string } {
  return exceptSocketId === undefined ? {} : { socket_id: exceptSocketId };
}

/**
 * A text as one segment of a path. The SDK signs and sends the very path it is given, and servers check the signature of
 * the path as sent, so encoding it here is safe. What a path may carry as it is (`, ; = @`) stays, as in the SDK's own
 * paths: not every compatible server decodes them.
 */
function pathSegment(text: string): string {
  return encodeURIComponent(text).replace(/%(?:2C|3B|3D|40)/g, decodeURIComponent);
}

function parse<T>(schema: z.ZodType<T>, text: string): T {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    throw new RequestFailure(
      'the answer is not one of the Pusher HTTP API; check PUSHER_HOST and PUSHER_PORT',
      { retryable: false },
    );
  }
}
