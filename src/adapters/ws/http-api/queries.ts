import { badRequest } from '../../../http/api-error.js';
import { channelNameProblem, channelType, USER_CHANNEL_PREFIX } from '../../../protocol/channel-name.js';
import type { ApiRequest } from './api-request.js';
import { attributeProblem, type Attributes, attributesOf, parseInfo } from './attributes.js';
import { JsonParts } from './json-parts.js';
import { readChannel, readUserId } from './published-event.js';

/** `GET /channels`: the occupied channels, without users' own channels. */
export async function getChannels({ engine, parameters, now }: ApiRequest): Promise<JsonParts> {
  const prefix = parameters.get('filter_by_prefix') ?? '';
  const info = parseInfo(parameters.get('info') ?? '', ['user_count']);
  if (info.has('user_count') && !prefix.startsWith('presence-')) {
    throw badRequest(
      'user_count may only be requested for presence channels - please supply filter_by_prefix beginning with presence-',
    );
  }
  const occupied = await engine.occupiedChannels(prefix);
  return JsonParts.ofObject('channels', occupied, (channel) => [
    channel.name,
    attributesOf(channel, info, now),
  ]);
}

/** `GET /channels/:name`: one channel, occupied or not. */
export async function getChannel({
  engine,
  resource: [, named = ''],
  parameters,
  now,
}: ApiRequest): Promise<Attributes & { readonly occupied: boolean }> {
  const name = readChannel(named, 'Invalid channel name');
  const info = parseInfo(parameters.get('info') ?? '', ['user_count', 'subscription_count', 'cache']);
  for (const attribute of info) {
    const missing = attributeProblem(name, attribute);
    if (missing !== undefined) throw badRequest(missing);
  }
  const channel = await engine.channelInfo(name);
  return { occupied: channel.isOccupied, ...attributesOf(channel, info, now) };
}

/** `GET /channels/:name/users`: the members of a presence channel. */
export async function getUsers({ engine, resource: [, name = ''] }: ApiRequest): Promise<{
  readonly users: readonly { readonly id: string }[];
}> {
  const problem = channelNameProblem(name);
  if (channelType(name).access !== 'presence')
    throw badRequest('Users can only be retrieved for presence channels');
  if (problem !== undefined) throw badRequest(`Invalid channel name: ${problem}`);
  const users = await engine.members(name);
  return { users: users.map(({ id }) => ({ id })) };
}

/** `POST /users/:user_id/terminate_connections`: ends every connection that is signed in as the user. */
export async function terminateConnections({
  engine,
  resource: [, userId = ''],
}: ApiRequest): Promise<Record<string, never>> {
  await engine.terminateEverywhere(USER_CHANNEL_PREFIX + readUserId(userId, 'Invalid user id'));
  return {};
}
