// A Nest application with one handler of messages: of this project, or of a plain gateway. Forked by speed-handler.js.
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { serve } from './rpc.js';

const { BENCH_BUILD = '', BENCH_KIND = '' } = process.env;

/** Decorates a class by hand: this file is not compiled. */
function handlersOf(decorateClass) {
  class OrderHandlers {
    async placed(body) {
      return { orderId: body.orderId, eta: 5 };
    }

    placedAsEvent(body) {
      return { event: 'PLACED', data: { id: body.id, orderId: body.orderId, eta: 5 } };
    }
  }
  // The adapter `ws` of Nest has no acks: a handler answers with an event.
  const method = BENCH_KIND === 'nest-ws' ? 'placedAsEvent' : 'placed';
  const descriptor = /** @type {PropertyDescriptor} */ (
    Object.getOwnPropertyDescriptor(OrderHandlers.prototype, method)
  );
  SubscribeMessage('PLACED')(OrderHandlers.prototype, method, descriptor);
  MessageBody()(OrderHandlers.prototype, method, 0);
  decorateClass(OrderHandlers);
  return OrderHandlers;
}

/** Each resolves with the module, and the adapter of its gateways. */
const KINDS = {
  switchboard: async () => {
    const { SocketHandlers, SocketModule } = await import(BENCH_BUILD);
    const imports = [SocketModule.forRoot({ env: {}, identify: () => null })];
    return { imports, handlers: handlersOf(SocketHandlers()), adapterOf: undefined };
  },
  'nest-ws': async () => {
    const { WsAdapter } = await import('@nestjs/platform-ws');
    const handlers = handlersOf(WebSocketGateway({ path: '/plain' }));
    return { imports: [], handlers, adapterOf: (app) => new WsAdapter(app) };
  },
  'nest-socket.io': async () => {
    const { IoAdapter } = await import('@nestjs/platform-socket.io');
    const handlers = handlersOf(WebSocketGateway({ transports: ['websocket'], perMessageDeflate: false }));
    return { imports: [], handlers, adapterOf: (app) => new IoAdapter(app) };
  },
};

class Host {
  onModuleInit() {
    // Nothing: the application is its handlers.
  }
}
const { imports, handlers, adapterOf } = await KINDS[BENCH_KIND]();
const host = { module: Host, imports, providers: [handlers] };
const app = await NestFactory.create(host, { logger: ['error'], abortOnError: false });
if (adapterOf !== undefined) app.useWebSocketAdapter(adapterOf(app));
await app.listen(0, '127.0.0.1');
const { port } = /** @type {import('node:net').AddressInfo} */ (app.getHttpServer().address());
serve({});
process.send?.({ port });
