import { fieldsOf } from './answer.js';

const OWN_CHANNEL_PREFIX = '#server-to-user-';

/** Whether a channel is a member's own. */
export function isOwn(channel: string): boolean {
  return channel.startsWith(OWN_CHANNEL_PREFIX);
}

/** The member's own channel, by the data of a signin or of its signature; empty where they have no id. */
export function ownChannelIn(data: unknown): string {
  const { user_data: text } = fieldsOf(data);
  try {
    const { id } = fieldsOf(JSON.parse(String(text)));
    return typeof id === 'string' ? OWN_CHANNEL_PREFIX + id : '';
  } catch {
    return '';
  }
}
