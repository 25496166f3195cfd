// Medians, spreads and quantiles of what was measured. Pure.

/** NaN for nothing at all, so that a hole shows as one. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  if (sorted.length === 0) return Number.NaN;
  const upper = sorted[Math.floor(middle)] ?? Number.NaN;
  return Number.isInteger(middle) ? (upper + (sorted[middle - 1] ?? Number.NaN)) / 2 : upper;
}

export type Spread = { readonly median: number; readonly min: number; readonly max: number };

export const spreadOf = (values: readonly number[]): Spread => ({
  median: median(values),
  min: values.length === 0 ? Number.NaN : Math.min(...values),
  max: values.length === 0 ? Number.NaN : Math.max(...values),
});

/**
 * How far the median of so few values may be from the true one: its standard error, for which one value out of all order counts little.
 * Undefined for fewer than three, which tell nothing of it.
 */
export function medianError(values: readonly number[]): number | undefined {
  if (values.length < 3) return undefined;
  const middle = median(values);
  const deviation = SIGMA_OF_MAD * median(values.map((value) => Math.abs(value - middle)));
  return (ERROR_OF_MEDIAN * deviation) / Math.sqrt(values.length);
}

/** Of a normal distribution: its σ by the median of the deviations, and the error of a median by σ ÷ √n. */
const SIGMA_OF_MAD = 1.4826;
const ERROR_OF_MEDIAN = 1.2533;

/** Ratios of what was measured in the same round: what slowed the machine in one round slowed both. */
export const pairedRatios = (values: readonly number[], base: readonly number[]): readonly number[] =>
  values.slice(0, base.length).map((value, round) => value / (base[round] ?? Number.NaN));

export const pairedDifferences = (values: readonly number[], base: readonly number[]): readonly number[] =>
  values.slice(0, base.length).map((value, round) => value - (base[round] ?? Number.NaN));

/** Latencies as value in µs → how often; histograms of several clients join by addition. */
export type Histogram = readonly (readonly [micros: number, count: number])[];

/** The smallest value that at least `share` of all are not above, in ms. */
export function quantileMs(histogram: Histogram, share: number): number {
  const sorted = histogram.toSorted(([a], [b]) => a - b);
  const wanted = sorted.reduce((sum, [, count]) => sum + count, 0) * share;
  let seen = 0;
  for (const [micros, count] of sorted) {
    seen += count;
    if (seen >= wanted) return micros / 1_000;
  }
  return Number.NaN;
}

/** A copy in random order (Fisher–Yates). */
export function shuffled<T>(items: readonly T[], random: () => number = Math.random): readonly T[] {
  const copy = [...items];
  for (let last = copy.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [copy[last], copy[other]] = [copy[other] as T, copy[last] as T];
  }
  return copy;
}
