import { type Admission, AuthorizeChannel, type ChannelAuthorizer, type Identity } from 'nestjs-switchboard';
import { startFake } from '../support/hosts.js';

const ROOM = 'presence-room';

@AuthorizeChannel(ROOM)
class RoomChannel implements ChannelAuthorizer {
  authorize({ id }: Identity): Admission {
    return { id, info: { name: id.toUpperCase() } };
  }
}

describe('channelMembers', () => {
  test('names each member once, with the info that the others see', async () => {
    const { service, fake } = await startFake({}, { providers: [RoomChannel] });
    for (const id of ['ada', 'auth0|bob', 'ada']) await (await fake.connect(id)).subscribe(ROOM);
    expect(await service.channelMembers(ROOM)).toEqual([
      { id: 'ada', info: { name: 'ADA' } },
      { id: 'auth0|bob', info: { name: 'AUTH0|BOB' } },
    ]);
  });

  test.each(['orders', 'private-orders', 'presence a', '', 7])(
    'is refused for %j, which has no members',
    async (name) => {
      const { service } = await startFake();
      await expect(service.channelMembers(name as string)).rejects.toMatchObject({
        code: 'INVALID_CHANNEL_NAME',
      });
    },
  );
});
