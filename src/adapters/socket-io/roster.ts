import { isRecord, parseJsonObject } from '../../protocol/client-frame.js';
import type { PresentMember } from './client-message.js';

/**
 * The members in the answer to a subscription.
 *
 * @param payload the payload of `pusher:subscription_succeeded`
 * @returns `undefined` where the channel is no presence channel
 */
export function membersIn(payload: string | undefined): readonly PresentMember[] | undefined {
  const presence = parseJsonObject(payload ?? '')?.['presence'];
  if (!isRecord(presence)) return undefined;
  const { ids, hash } = presence;
  if (!Array.isArray(ids) || !isRecord(hash)) return undefined;
  return ids.map((id) => {
    const info = hash[String(id)];
    return info === null ? { id: String(id) } : { id: String(id), info };
  });
}
