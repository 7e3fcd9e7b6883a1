import 'reflect-metadata';
import { FakeMember, SocketFake } from 'nestjs-switchboard/testing';
import { usePage } from './support/page.js';

const page = usePage('docs/testing.md');

// A reader's own test files, run as ours.
await page.run('orders.test.ts');
await page.run('after-member-deactivated.test.ts');

test('every member and method that the page names exists', () => {
  for (const name of ['unsubscribe', 'trigger', 'socketId', 'closeCode']) {
    expect(name in FakeMember.prototype).toBe(true);
  }
  for (const name of ['assertBroadcast', 'assertDisconnected', 'assertRelayedToChannel', 'forget']) {
    expect(name in SocketFake.prototype).toBe(true);
  }
});
