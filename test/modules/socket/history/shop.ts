import {
  type Admission,
  AuthorizeChannel,
  type ChannelAuthorizer,
  type Identity,
  type SocketModuleOptions,
  type SocketModulePaths,
  SocketService,
} from 'nestjs-switchboard';
import { type Answer, APP, form } from '../../../support/auth-requests.js';
import { FRAMEWORKS, type Host, type HostParts, startHost } from '../../../support/hosts.js';

/** Events without a declaration in `SocketEvents`. */
export const NOTED = 'TEST_NOTED' as never;

@AuthorizeChannel('private-orders.{owner}')
export class OrdersChannel implements ChannelAuthorizer<{ owner: string }> {
  authorize(member: Identity, { owner }: { owner: string }): boolean {
    return owner === member.id;
  }
}

@AuthorizeChannel('private-encrypted-notes.{owner}')
export class NotesChannel implements ChannelAuthorizer<{ owner: string }> {
  authorize(member: Identity, { owner }: { owner: string }): boolean {
    return owner === member.id;
  }
}

@AuthorizeChannel('presence-room.{room}')
export class RoomChannel implements ChannelAuthorizer<{ room: string }> {
  authorize(_member: Identity, { room }: { room: string }): Admission {
    return room === 'open';
  }
}

export const CHANNELS = [
  'members',
  'broadcast',
  'news.{topic}',
  'private-orders.{owner}',
  'private-encrypted-notes.{owner}',
  'presence-room.{room}',
];

/** An application whose channels have history, with what tests ask it. */
export interface Shop extends Host {
  readonly service: SocketService;
  /** Asks the endpoint, as a member or as nobody. */
  readonly ask: (fields: Record<string, string>, headers?: Record<string, string>) => Promise<Answer>;
  /** The live position that the endpoint tells a member. */
  readonly live: (channel: string, headers?: Record<string, string>) => Promise<string>;
}

export async function startShop(
  framework: keyof typeof FRAMEWORKS = 'express',
  { history, ...options }: SocketModuleOptions & SocketModulePaths = {},
  parts: HostParts = {},
): Promise<Shop> {
  const host = await startHost(
    {
      app: APP,
      provider: 'ws',
      encryptionMasterKey: Buffer.alloc(32, 7).toString('base64'),
      history: { channels: CHANNELS, ...history },
      ...options,
    },
    {
      providers: [OrdersChannel, NotesChannel, RoomChannel],
      httpAdapter: FRAMEWORKS[framework],
      ...parts,
    },
  );
  const ask: Shop['ask'] = (fields, headers) => form(`${host.url}/socket/history`, fields, headers);
  const live: Shop['live'] = async (channel, headers) => {
    const [, body] = await ask({ channel_name: channel, position: 'live' }, headers);
    return String(body['position']);
  };
  return { ...host, service: host.app.get(SocketService), ask, live };
}

/** The position of the event so many events later. */
export function later(position: string, events: number): string {
  const [epoch = '', offset = ''] = position.split('.');
  return `${epoch}.${Number(offset) + events}`;
}
