import { StandardSchemaValidationPipe, UsePipes, ValidationPipe } from '@nestjs/common';
import { ConnectedSocket, MessageBody, SubscribeMessage } from '@nestjs/websockets';
import { IsInt } from 'class-validator';
import { MemberSocket, SocketHandlers } from 'nestjs-switchboard';
import * as v from 'valibot';
import { startFake } from '../../../support/hosts.js';

class OrderOpened {
  @IsInt()
  orderId!: number;
}

const orderOpened = v.object({ orderId: v.pipe(v.string(), v.transform(Number)) });

@SocketHandlers()
class ValidatedHandlers {
  @UsePipes(new ValidationPipe({ transform: true, whitelist: true }))
  @SubscribeMessage('BY_CLASS')
  byClass(@MessageBody() body: OrderOpened, @ConnectedSocket() from: MemberSocket): object {
    const { orderId } = body;
    return {
      isInstance: body instanceof OrderOpened,
      orderId,
      fields: Object.keys(body),
      by: from.member.id,
    };
  }

  @UsePipes(new StandardSchemaValidationPipe())
  @SubscribeMessage('BY_SCHEMA')
  bySchema(@MessageBody({ schema: orderOpened }) body: v.InferOutput<typeof orderOpened>): object {
    return body;
  }
}

const start = async () => (await startFake({}, { providers: [ValidatedHandlers] })).fake.connect('ada');

test('ValidationPipe makes the payload an instance of its class, or refuses it with its problems', async () => {
  const ada = await start();
  expect(await ada.ask('BY_CLASS', { orderId: 7, extra: 1 })).toEqual({
    isInstance: true,
    orderId: 7,
    fields: ['orderId'],
    by: 'ada',
  });
  await expect(ada.ask('BY_CLASS', { orderId: 'x' })).rejects.toMatchObject({
    code: 'REFUSED',
    details: { message: ['orderId must be an integer number'] },
  });
});

test('A Standard Schema makes the payload its own output, or refuses it with its problems', async () => {
  const ada = await start();
  expect(await ada.ask('BY_SCHEMA', { orderId: '7' })).toEqual({ orderId: 7 });
  await expect(ada.ask('BY_SCHEMA', { orderId: 7 })).rejects.toMatchObject({
    code: 'REFUSED',
    details: { message: [expect.stringContaining('Expected string')] },
  });
});
