/** @param {readonly number[]} values */
export function median(values) {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = sorted.length >> 1;
  const [low = Number.NaN, high = Number.NaN] = [sorted[middle - 1 + (sorted.length % 2)], sorted[middle]];
  return (low + high) / 2;
}

/**
 * @param {number[]} values
 * @param {number} share 0.99 for the value that one in a hundred exceeds
 */
export function percentile(values, share) {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/**
 * The median of each figure over the rounds.
 *
 * @template {string} K
 * @param {readonly Record<K, number>[]} rounds
 * @returns {Record<K, number>}
 */
export function medians(rounds) {
  const keys = /** @type {K[]} */ (Object.keys(rounds[0] ?? {}));
  return /** @type {Record<K, number>} */ (
    Object.fromEntries(keys.map((key) => [key, median(rounds.map((round) => round[key]))]))
  );
}

/**
 * Measures every variant once a round. Each round begins with another variant, so that a disturbance of the machine affects all
 * of them alike.
 *
 * @template V, R
 * @param {number} rounds
 * @param {readonly V[]} variants
 * @param {(variant: V, round: number) => Promise<R>} measure
 * @returns {Promise<R[][]>} the rounds of each variant
 */
export async function interleave(rounds, variants, measure) {
  /** @type {R[][]} */
  const results = variants.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < variants.length; turn++) {
      const index = (round + turn) % variants.length;
      results[index]?.push(await measure(/** @type {V} */ (variants[index]), round));
    }
  }
  return results;
}
