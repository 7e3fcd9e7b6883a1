import { isUtf8 } from 'node:buffer';
import { badRequest } from '../../../http/api-error.js';
import { EVENTS_PER_BATCH, LIMITS } from '../../../ports/limits.js';
import { isRecord, parseJsonObject } from '../../../protocol/client-frame.js';
import type { ApiRequest } from './api-request.js';
import { type Attributes, attributesOf } from './attributes.js';
import { type PublishedEvent, readBatchedEvent, readEvent } from './published-event.js';

/** The longest form of one character in JSON text: `\u0000`. */
const ESCAPED = 6;
/** The rest of an event: field names, a socket id, `info`, and white space for indentation. */
const FRAMING_BYTES = 1_024;
const CHANNEL_BYTES = LIMITS.channelNameLength + LIMITS.idempotencyKeyLength + 32;
const EVENT_BYTES = ESCAPED * (LIMITS.payloadBytes + LIMITS.eventNameLength) + FRAMING_BYTES;

/** The most bytes that the body of one event can have within the default limits. */
export const EVENT_BODY_BYTES = EVENT_BYTES + LIMITS.channelsPerEvent * CHANNEL_BYTES;
/** The most bytes that the body of a batch can have within the default limits. */
export const BATCH_BODY_BYTES = EVENTS_PER_BATCH * (EVENT_BYTES + CHANNEL_BYTES);

/** The fields of an event that may stand in the query as well. A list of `channels` has no form there. */
export const EVENT_PARAMETERS = ['name', 'data', 'channel', 'socket_id', 'info'];

/** `POST /events`: one event to one or more channels. */
export async function postEvent(
  request: ApiRequest,
): Promise<{ readonly channels?: Readonly<Record<string, Attributes>> }> {
  const event = readEvent(eventFields(request), request.eventBytes);
  const deliveries = publish(request, event);
  if (deliveries.length > 0) await Promise.all(deliveries);
  const { channels, info } = event;
  if (info === undefined) return {};
  const answers = channels.map(async (name) => [name, await attributes(request, name, info)] as const);
  // Assignment would call the setter of "__proto__", which is a valid channel; fromEntries defines a property.
  return { channels: Object.fromEntries(await Promise.all(answers)) };
}

/** `POST /batch_events`: up to ten events, all of them checked before the first is sent. */
export async function postBatch(request: ApiRequest): Promise<{ readonly batch?: readonly Attributes[] }> {
  const { batch } = readJson(request.body);
  if (!Array.isArray(batch)) throw badRequest('"batch": it is not a list of events');
  if (batch.length > EVENTS_PER_BATCH) {
    throw badRequest(`Batch too large (${batch.length} > ${EVENTS_PER_BATCH})`);
  }
  const events = batch.map((fields: unknown, index) => {
    if (!isRecord(fields)) throw badRequest(`"batch[${index}]": it is not an event`);
    return readBatchedEvent(fields, `batch[${index}].`, request.eventBytes);
  });
  await Promise.all(events.flatMap((event) => publish(request, event)));
  if (events.every(({ info }) => info === undefined)) return {};
  const answers = events.map(async ({ channels: [name = ''], info }) =>
    info === undefined ? {} : attributes(request, name, info),
  );
  return { batch: await Promise.all(answers) };
}

/** Publishes an event on each of its channels. The returned promises are about the other nodes only. */
function publish(
  { engine }: ApiRequest,
  { name, data, channels, exceptSocketId, keys }: PublishedEvent,
): Promise<void>[] {
  return channels
    .map((channel) => engine.publish(channel, name, data, exceptSocketId, keys?.get(channel)))
    .filter((delivery) => delivery !== undefined);
}

async function attributes(
  { engine, now }: ApiRequest,
  name: string,
  info: NonNullable<PublishedEvent['info']>,
): Promise<Attributes> {
  return attributesOf(await engine.channelInfo(name), info, now);
}

/** The fields of the body, and those of the query that the body does not have. */
function eventFields({ parameters, body }: ApiRequest): Readonly<Record<string, unknown>> {
  const given = EVENT_PARAMETERS.flatMap((name) => {
    const value = parameters.get(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  if (given.length === 0) return readJson(body);
  return { ...Object.fromEntries(given), ...(body.length > 0 && readJson(body)) };
}

function readJson(body: Buffer): Readonly<Record<string, unknown>> {
  if (!isUtf8(body)) throw badRequest('The body is not UTF-8');
  const fields = parseJsonObject(body.toString());
  if (fields === undefined) throw badRequest('The body is not a JSON object');
  return fields;
}
