/**
 * Goes through a SCAN or SSCAN, and gives what each command finds. Something may come several times.
 *
 * @param ask sends the command with a cursor
 */
export async function* scan(
  ask: (cursor: string) => Promise<[cursor: string, found: string[]]>,
): AsyncGenerator<readonly string[]> {
  let cursor = '0';
  do {
    const [next, found] = await ask(cursor);
    cursor = next;
    yield found;
  } while (cursor !== '0');
}

/** A text as a part of a pattern that matches it alone. */
export function literal(text: string): string {
  return text.replaceAll(/[\\*?[\]]/g, String.raw`\$&`);
}
