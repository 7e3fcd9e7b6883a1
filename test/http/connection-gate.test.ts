import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { socketConfig } from '../../src/config/socket-config.js';
import { ConnectionGate } from '../../src/http/connection-gate.js';
import { systemClock } from '../../src/ports/clock.js';

/** Somebody at the gate: a socket, and whether it was let in. */
function comes(gate: ConnectionGate, remoteAddress: string): { socket: PassThrough; isIn: boolean } {
  const socket = new PassThrough();
  const request = { headers: {}, socket: { remoteAddress } } as unknown as IncomingMessage;
  return { socket, isIn: gate.admit(request, socket) };
}

const gateOf = (connectionsPerAddress: number) =>
  new ConnectionGate(
    socketConfig({}, { gateway: { limits: { connectionsPerAddress } } }).gateway,
    systemClock,
    () => undefined,
  );

test('a stranger of IPv6 has no more places for having 2⁶⁴ addresses, and the neighbour has places of its own', async () => {
  const gate = gateOf(2);
  const first = comes(gate, '2001:db8:0:7::1');
  expect(first.isIn).toBe(true);
  expect(comes(gate, '2001:db8:0:7:ffff:ffff:ffff:ffff').isIn).toBe(true);
  expect(comes(gate, '2001:db8:0:7:1:2:3:4').isIn).toBe(false);
  expect(comes(gate, '2001:db8:0:8::1').isIn).toBe(true);
  first.socket.destroy();
  await new Promise(setImmediate);
  expect(comes(gate, '2001:db8:0:7::5').isIn).toBe(true);
});

test('an address of IPv4 is the same one over an IPv6 socket', () => {
  const gate = gateOf(1);
  expect(comes(gate, '203.0.113.7').isIn).toBe(true);
  expect(comes(gate, '::ffff:203.0.113.7').isIn).toBe(false);
  expect(comes(gate, '::ffff:203.0.113.8').isIn).toBe(true);
});

test('0 switches it off', () => {
  const gate = gateOf(0);
  for (let n = 0; n < 10; n++) expect(comes(gate, '2001:db8::1').isIn).toBe(true);
});
