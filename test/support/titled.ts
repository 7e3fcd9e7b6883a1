/** Rows for `it.each` with a title short enough to read: huge values are cut, and say how long they are. */
export function titled<T>(values: readonly T[]): [title: string, value: T][] {
  return values.map((value) => {
    const text = JSON.stringify(value) as string | undefined;
    const title = text ?? String(value);
    return [title.length > 60 ? `${title.slice(0, 40)}… (${title.length} characters)` : title, value];
  });
}
