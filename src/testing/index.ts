export type { Faults } from '../adapters/memory/faults.js';
export type { FakeGap } from './catch-up.js';
export {
  type ContractBrowser,
  type ContractDifferences,
  type ContractEvent,
  type ContractHarness,
  describeSocketClient,
} from './contract.js';
export type { ExpectedPayload, ReceivableEvent } from './expected-payload.js';
export { FakeMember, type ReceivedEvent } from './fake-member.js';
export { FakeMessageError, type FakeMessageOptions } from './fake-message.js';
export { type SocketMatchers, socketMatchers } from './matchers.js';
export type { Relayed } from './relayed.js';
export { SocketAssertionError, SocketFake } from './socket-fake.js';
export { SocketTestingModule } from './socket-testing.module.js';
