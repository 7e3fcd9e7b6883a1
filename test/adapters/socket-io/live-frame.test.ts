import { SocketService } from 'nestjs-switchboard';
import { TRANSPORTS } from '../../support/socket-io-browser.js';
import { pageOf, protocolEvent, startHost } from './support.js';

const ORDER = 'private-orders.ada-7';

test.each(Object.entries(TRANSPORTS))(
  'a page on %s hears from which position on it is live',
  async (_, transports) => {
    const { url, app } = await startHost({ history: { channels: ['members', 'private-orders.{order}'] } });
    const service = app.get(SocketService);
    const page = await pageOf(url, 'ada', { transports: [...transports] });
    expect(await protocolEvent(page, 'live')).toEqual({
      event: 'pusher:live',
      payload: { position: await service.livePosition({ member: 'ada' }) },
    });
    await page.subscribe(ORDER);
    const position = String(await service.livePosition(ORDER));
    expect(await protocolEvent(page, 'live')).toEqual({
      event: 'pusher:live',
      payload: { position },
      channel: ORDER,
    });
    await service.relayToChannel(ORDER, 'PACKED' as never, undefined as never, {
      exceptSocketId: page.socketId,
    });
    expect(await protocolEvent(page, 'live')).toEqual({
      event: 'pusher:live',
      payload: { position: position.replace(/0$/, '1'), follows: position },
      channel: ORDER,
    });
  },
);
