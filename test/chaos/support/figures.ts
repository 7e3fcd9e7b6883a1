/** Prints what was measured, for docs/reliability.md, when somebody wants to know more than that the test passes. */
export function show(fault: string, figures: object): void {
  if (process.env['SWITCHBOARD_SHOW_FIGURES'] === undefined) return;
  process.stdout.write(`${JSON.stringify({ fault, ...figures })}\n`);
}

/** How long something took until now, in milliseconds. */
export function since(start: number): number {
  return Math.round(performance.now() - start);
}

/** The value that this share of all is at or under; 0 where there is none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.floor((sorted.length - 1) * share)] ?? 0;
}
