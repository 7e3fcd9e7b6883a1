import type { ReceivedFrame } from '../adapters/memory/memory-connection.js';
import type { PresenceMember } from '../ports/authorization.js';
import { decoded } from '../protocol/encryption.js';

/** The members of a presence channel, by the frames that a browser has got. */
export function rosterIn(frames: readonly ReceivedFrame[], channel: string): PresenceMember[] {
  const present = new Map<string, PresenceMember>();
  for (const frame of frames) {
    if (frame.channel === channel) follow(present, frame.event, decoded(frame.data));
  }
  return [...present.values()];
}

function follow(present: Map<string, PresenceMember>, event: string, data: unknown): void {
  const {
    presence,
    user_id: id,
    user_info: info,
  } = data as {
    presence?: { hash: Record<string, PresenceMember['info'] | null> };
    user_id?: string;
    user_info?: PresenceMember['info'];
  };
  if (event === 'pusher_internal:subscription_succeeded' && presence !== undefined) {
    present.clear();
    for (const [memberId, memberInfo] of Object.entries(presence.hash))
      present.set(memberId, member(memberId, memberInfo));
  }
  if (event === 'pusher_internal:member_added' && id !== undefined) present.set(id, member(id, info));
  if (event === 'pusher_internal:member_removed' && id !== undefined) present.delete(id);
}

function member(id: string, info: PresenceMember['info'] | null): PresenceMember {
  return info === undefined || info === null ? { id } : { id, info };
}
