import { listeningPort } from '../../src/reference/port.js';
import { problemsOf } from '../support/config-problems.js';

test.each([{}, { PORT: undefined }, { PORT: '' }, { PORT: '  ' }])('%j listens on 3000', (environment) => {
  expect(listeningPort(environment)).toBe(3_000);
});

test.each([
  ['1', 1],
  ['8080', 8_080],
  [' 8080 ', 8_080],
  ['65535', 65_535],
])('PORT=%j is taken', (PORT, port) => {
  expect(listeningPort({ PORT })).toBe(port);
});

test('PORT=0 takes a free port', () => {
  expect(listeningPort({ PORT: '0' })).toBe(0);
});

test.each(['65536', '-1', '80.5', '1e3', '0x50', 'http', '80 81', 'Infinity'])(
  'PORT=%j is refused in a line that has the name, the value and what is allowed',
  (PORT) => {
    const found = problemsOf(() => listeningPort({ PORT }));
    expect(found).toEqual([expect.stringMatching(/^PORT: .*whole number from 0 to 65535/)]);
    expect(found[0]).toContain(JSON.stringify(PORT));
  },
);
