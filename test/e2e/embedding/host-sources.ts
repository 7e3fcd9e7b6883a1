// The stranger's application. It is text, because as source of this project its `SocketEvents` would become this
// project's, and because it is compiled where it lives: against the packed package and nothing else.

// As it would be without the package.
const main = `
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';

const app = await NestFactory.create(AppModule);
app.enableShutdownHooks();
await app.listen(process.env.PORT ?? 3000, '127.0.0.1');
console.log('Listening at ' + (await app.getUrl()));
`;

const appModule = `
import { Module } from '@nestjs/common';
import { SocketModule } from 'nestjs-switchboard';
import { OrdersController } from './orders.controller.js';

@Module({
  imports: [
    SocketModule.forRoot({
      identify: ({ headers }) => (typeof headers['x-member'] === 'string' ? { id: headers['x-member'] } : null),
    }),
  ],
  controllers: [OrdersController],
})
export class AppModule {}
`;

// The same without the package: what it loads, a Nest application has anyway.
const withoutPackage = `
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

@Module({})
class AppModule {}

const app = await NestFactory.create(AppModule);
app.enableShutdownHooks();
await app.listen(process.env.PORT ?? 3000, '127.0.0.1');
console.log('Listening at ' + (await app.getUrl()));
`;

const events = `
import 'nestjs-switchboard';

declare module 'nestjs-switchboard' {
  interface SocketEvents {
    ORDER_SHIPPED: { orderId: string };
    SHOP_CLOSED: undefined;
  }
}
`;

const ordersController = `
import { Controller, Param, Post } from '@nestjs/common';
import { type Receipt, SocketService } from 'nestjs-switchboard';

@Controller('orders')
export class OrdersController {
  constructor(private readonly socketService: SocketService) {}

  @Post(':orderId/ship-to/:memberId')
  ship(@Param('orderId') orderId: string, @Param('memberId') memberId: string): Promise<Receipt> {
    return this.socketService.relayToMember(memberId, 'ORDER_SHIPPED', { orderId });
  }
}
`;

// The compiler must accept this and, line by line, refuse the rest. An unused @ts-expect-error is an error too.
const typeProofs = `
import type { EventName, PayloadOf, SocketService } from 'nestjs-switchboard';
import type { PusherLike, SwitchboardSocket } from 'nestjs-switchboard/browser';

type Same<A, B> = [A, B] extends [B, A] ? true : never;

/** The declared events are all there are: the package brings none of its own. */
export const names: Same<EventName, 'ORDER_SHIPPED' | 'SHOP_CLOSED'> = true;
export const payload: Same<PayloadOf<'ORDER_SHIPPED'>, { orderId: string }> = true;

export async function relays(socketService: SocketService): Promise<void> {
  await socketService.relayToMember('alice', 'ORDER_SHIPPED', { orderId: '42' });
  await socketService.broadcast('SHOP_CLOSED');
  // @ts-expect-error a payload of the wrong shape
  await socketService.relayToMember('alice', 'ORDER_SHIPPED', { orderId: 42 });
  // @ts-expect-error a payload with a name nobody declared
  await socketService.relayToMembers(['alice'], 'ORDER_SHIPPED', { orderId: '42', weight: 3 });
  // @ts-expect-error no payload where one was declared
  await socketService.relayToChannel('orders', 'ORDER_SHIPPED');
  // @ts-expect-error a payload where none was declared
  await socketService.broadcast('SHOP_CLOSED', 'for good');
  // @ts-expect-error an event nobody declared
  await socketService.broadcast('ORDER_LOST', { orderId: '42' });
}

export function listens(socket: SwitchboardSocket<PusherLike>): void {
  socket.onMember('ORDER_SHIPPED', ({ orderId }) => orderId.toUpperCase());
  // @ts-expect-error the payload has no such field
  socket.onMember('ORDER_SHIPPED', ({ weight }) => weight);
  // @ts-expect-error an event nobody declared
  socket.onBroadcast('ORDER_LOST', () => undefined);
}
`;

/** Every type that the entry points promise; what they export at runtime is compared elsewhere. */
const typesInUse = `
export type {
  Admission, AppCredentials, ChannelAuthorizer, ClientConfig, ClientOrigin, DeliveryFailure,
  Environment, EventName, FailurePolicy, GatewayConfig, GatewayLimits, HttpApiConfig, HttpRequest, Identity, ISocketClient, LostRelay, MetricsRegistry, PayloadOf,
  PresenceMember, Provider, ProviderHealth, PusherConfig, QueueHealth, Receipt, RelayOptions, ImmediateRelayOptions, SocketAdapter, AdapterCapabilities, AdapterContext, AdapterParts, Relay, RelayKind, RelaySender, AdapterClient, SocketClient, SecondConfig, SecondHealth,
  SecondRole, SocketConfig, SocketErrorCode, SocketEvents, SocketHealthResult, SocketLogger, SocketModuleAsyncOptions, SocketModuleOptions, SocketModulePaths,
  ChannelEventName, ChannelEvents, ChannelListener, SocketSettings, WebhookConfig,
  AskOptions, ClientMessage, HandlerConfig, MessageAnswer, MessageError, MessageErrorCode, MessageReceiver, MessageSender, SocketHandlersOptions,
} from 'nestjs-switchboard';
export type {
  ContractBrowser, ContractDifferences, ContractEvent, Faults, ContractHarness, ReceivedEvent, Relayed, SocketMatchers, FakeMessageOptions,
} from 'nestjs-switchboard/testing';
export type {
  ConnectErrorCode, ConnectFailure, ConnectOptions, EventName as BrowserEventName, HeadersSource, Refusal, PayloadOf as BrowserPayloadOf, PusherClass, PusherLike,
  SwitchboardSocket, AnswerMaker, AskOptions as BrowserAskOptions, SendErrorCode, SendOptions,
} from 'nestjs-switchboard/browser';
`;

const withFake = `
import { deepEqual } from 'node:assert/strict';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { SocketFake, SocketTestingModule } from 'nestjs-switchboard/testing';
import { AppModule } from './app.module.js';
import { OrdersController } from './orders.controller.js';

@Module({ imports: [AppModule, SocketTestingModule] })
class AppUnderTest {}

const app = await NestFactory.createApplicationContext(AppUnderTest);
const fake = app.get(SocketFake);
const alice = await fake.connect('alice');
await app.get(OrdersController).ship('42', 'alice');
fake.assertRelayed('alice', 'ORDER_SHIPPED', { orderId: '42' });
deepEqual(alice.received.map(({ event, payload }) => [event, payload]), [['ORDER_SHIPPED', { orderId: '42' }]]);
await app.close();
console.log('The fake heard it');
`;

const listExports = `
import * as library from 'nestjs-switchboard';
import * as browser from 'nestjs-switchboard/browser';
import * as testing from 'nestjs-switchboard/testing';

const [main, forTests, forBrowsers] = [library, testing, browser].map((entry) => Object.keys(entry).sort());
console.log(JSON.stringify({ main, forTests, forBrowsers }));
`;

const browserOnly = `
export { connect } from 'nestjs-switchboard/browser';
`;

const tsconfig = JSON.stringify({
  compilerOptions: {
    target: 'ES2023',
    module: 'nodenext',
    strict: true,
    // The declarations of all packages, and not those of the compiler itself: these would take longer than all others.
    skipLibCheck: false,
    skipDefaultLibCheck: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
    types: ['node'],
    rootDir: 'src',
    outDir: 'dist',
  },
  include: ['src'],
});

/** The host's files, by their path in its folder. */
export const HOST_FILES: Readonly<Record<string, string>> = {
  'tsconfig.json': tsconfig,
  'src/main.ts': main,
  'src/app.module.ts': appModule,
  'src/without-package.ts': withoutPackage,
  'src/events.ts': events,
  'src/orders.controller.ts': ordersController,
  'src/type-proofs.ts': typeProofs,
  'src/types-in-use.ts': typesInUse,
  'src/with-fake.ts': withFake,
  'src/list-exports.ts': listExports,
  'src/browser-only.ts': browserOnly,
};
