/** Says what a value from outside is instead of a text. */
export function notAText(value: unknown): string {
  if (value === undefined) return 'it is missing';
  if (value === null) return 'it is null, not a text';
  if (Array.isArray(value)) return 'it is a list, not a text';
  return `it is ${typeof value === 'object' ? 'an' : 'a'} ${typeof value}, not a text`;
}
