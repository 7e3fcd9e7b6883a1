export type { Faults } from '../adapters/memory/faults.js';
export {
  type ContractBrowser,
  type ContractDifferences,
  type ContractEvent,
  type ContractHarness,
  describeSocketClient,
} from './contract.js';
export type { ExpectedPayload, ReceivableEvent } from './expected-payload.js';
export { FakeMember, FakeMessageError, type FakeMessageOptions, type ReceivedEvent } from './fake-member.js';
export { type SocketMatchers, socketMatchers } from './matchers.js';
export type { Relayed } from './relayed.js';
export { SocketAssertionError, SocketFake } from './socket-fake.js';
export { SocketTestingModule } from './socket-testing.module.js';
