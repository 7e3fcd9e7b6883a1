import type { Random } from './random.js';

const SCALARS = [
  'null',
  'true',
  'false',
  '0',
  '-0',
  '1e308',
  '1e999',
  '-1e999',
  '5e-324',
  '9007199254740993',
  '1'.repeat(400),
  '""',
  '" "',
  '"__proto__"',
  '"constructor"',
  '"toString"',
  '"\\u0000"',
  '"\\ud800"',
  '"\\udc00\\ud800"',
  '"💬"',
  '"\\u202e\\u2028"',
  '"1.1"',
  '"../../etc"',
  '"a\\r\\nb"',
  '[]',
  '{}',
];

/** JSON text of anything. */
export function value(random: Random, depth: number): string {
  const kind = random.below(depth > 0 ? 10 : 7);
  if (kind < 5) return random.of(SCALARS);
  if (kind === 5) return JSON.stringify(random.text(random.below(40)));
  if (kind === 6) return JSON.stringify('x'.repeat(random.of([128, 129, 164, 165, 200, 201, 1_025, 10_241])));
  if (kind === 7)
    return `[${Array.from({ length: random.below(5) }, () => value(random, depth - 1)).join(',')}]`;
  return object(random, depth);
}

export function object(random: Random, depth: number): string {
  const names = [
    '__proto__',
    'constructor',
    'id',
    'user_id',
    'user_info',
    'toJSON',
    'then',
    'length',
    '',
    'a',
  ];
  const fields = Array.from(
    { length: random.below(5) },
    () => `${JSON.stringify(random.of(names))}:${value(random, depth - 1)}`,
  );
  return `{${fields.join(',')}}`;
}

/** As deep as a message can be, closed again or not. */
export function nested(random: Random): string {
  const [open, close] = random.of([
    ['[', ']'],
    ['{"a":', '}'],
    ['[{"__proto__":', '}]'],
  ] as const);
  const depth = random.of([10, 500, 3_000, 7_000]);
  return open.repeat(depth) + '1' + (random.chance(0.8) ? close.repeat(depth) : '');
}

export function mutated(random: Random, text: string): string {
  let mutant = text;
  for (let i = 0; i <= random.below(4); i++) {
    const at = random.below(mutant.length + 1);
    const inserted = random.of([
      '',
      '"',
      '{',
      '}',
      '[',
      ',',
      ':',
      '\\',
      '\u0000',
      '\ufeff',
      'e',
      '-',
      '\ud83d',
    ]);
    mutant = mutant.slice(0, at) + inserted + mutant.slice(at + random.below(3));
  }
  return mutant;
}
