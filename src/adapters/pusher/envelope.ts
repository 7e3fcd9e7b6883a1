import type { Position } from '../../ports/history.js';
import { channelType } from '../../protocol/channel-name.js';
import { positionText } from '../../protocol/position.js';

/**
 * Puts the position of an event around its data, because hosted Pusher tells none (docs/history.md#the-wire). The data of an encrypted
 * channel is an object already, and gets the position beside its other fields.
 *
 * @param data JSON text; empty where there is none
 */
export function enveloped(channel: string, data: string, position: Position): string {
  const text = JSON.stringify(positionText(position));
  if (channelType(channel).encrypted) return `${data.slice(0, -1)},"position":${text}}`;
  return `{"switchboard":{"position":${text}}${data === '' ? '' : `,"payload":${data}`}}`;
}
