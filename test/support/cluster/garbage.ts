// Messages that another program, an old version or an attacker may send on the bus.

const HOSTILE_VALUES = [
  null,
  true,
  -1,
  1e308,
  '',
  'x'.repeat(70_000),
  [],
  {},
  [[[]]],
  { __proto__: null },
  '9007199254740991',
];

/** Messages of no version of anybody's protocol. */
export function garbage(): Buffer[] {
  const texts = [
    '',
    ' ',
    'null',
    'true',
    '0',
    '-1',
    '"text"',
    '[]',
    '{}',
    '[null]',
    '{"v":1}',
    '{"v":999999}',
    '{"version":"1"}',
    '{"v":1,"event":"GARBAGE"}',
    '{"event":"GARBAGE","channel":"private-news","data":"{}"}',
    '{"v":1,"type":"relay","channel":"private-news","event":"GARBAGE","data":"{}"}',
    '{"v":1,"kind":"member_removed","channel":"presence-room","user_id":"ada"}',
    '{"__proto__":{"polluted":true}}',
    '{"constructor":{"prototype":{"polluted":true}}}',
    '1:{}',
    '1\n{}',
    '{"v":1',
    '[1,2,',
    '['.repeat(100_000),
    `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`,
    'x'.repeat(2_000_000),
    '\u0000',
    '\ufeff{}',
  ];
  const bytes = [[0], [0xff, 0xfe, 0xfd], [0xc3, 0x28], [0xed, 0xa0, 0x80], [0x93, 0x01, 0x02, 0x03]];
  return [
    ...texts.map((text) => Buffer.from(text)),
    ...bytes.map((each) => Buffer.from(each)),
    Buffer.alloc(65_536, 0x80),
  ];
}

/** A message of the protocol in force, damaged in many ways. */
export function damaged(message: Buffer): Buffer[] {
  const cuts = Array.from({ length: 20 }, (_, n) => Math.floor((message.length * n) / 20));
  return [
    ...cuts.map((length) => message.subarray(0, length)),
    message.subarray(1),
    Buffer.concat([message, message]),
    Buffer.concat([message, Buffer.from('}')]),
    Buffer.concat([Buffer.from([0]), message]),
    Buffer.from(message.map((byte) => byte ^ 0x80)),
    ...rewritten(message.toString()),
  ];
}

/** When it has JSON in it: with each value of the outer object missing, or something else. */
function rewritten(text: string): Buffer[] {
  const start = text.search(/[{[]/);
  const fields = start < 0 ? undefined : parsed(text.slice(start));
  if (typeof fields !== 'object' || fields === null) return [];
  const entries = Object.entries(fields);
  const build = (changed: readonly (readonly [string, unknown])[]) => {
    const body = Array.isArray(fields) ? changed.map(([, value]) => value) : Object.fromEntries(changed);
    return Buffer.from(text.slice(0, start) + JSON.stringify(body));
  };
  return entries.flatMap(([name], index) => [
    build(entries.filter((_, other) => other !== index)),
    ...HOSTILE_VALUES.map((value) => build(entries.with(index, [name, value]))),
  ]);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
