// When an instance that answers its probes is too slow to be called healthy. Pure.

const SLOW_MS = 5_000;
const SLOW_TIMES_MEDIAN = 3;
/** Where all answer in a few ms, being a few times slower is noise. */
const NOTICEABLE_MS = 250;

/** More than 5 s, or more than 3 × the median of the pool's latest answers and not less than 250 ms. */
export const isDegraded = (ms: number, medianMs: number): boolean =>
  ms > SLOW_MS || (ms >= NOTICEABLE_MS && ms > SLOW_TIMES_MEDIAN * medianMs);

/** The lower one of two in the middle, so that of two instances the slow one is told from the other; undefined of none. */
export const medianOf = (values: readonly number[]): number | undefined =>
  values.toSorted((a, b) => a - b)[(values.length - 1) >> 1];
