// Chance that can be repeated: everything random in a simulation comes from here, so that a seed names a run.

/** Evenly from 0 to below 1. */
export type Random = () => number;

/** Mulberry32: 2^32 numbers before it repeats itself, enough for some hundred million draws. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

export const exponential = (random: Random, mean: number): number => -Math.log(1 - random()) * mean;

export const between = (random: Random, from: number, to: number): number => from + random() * (to - from);

/** Draws 0 to `count - 1`, the n-th in proportion to 1 ÷ n (Zipf's law). */
export function zipf(random: Random, count: number): () => number {
  let sum = 0;
  const upTo = Float64Array.from({ length: count }, (_, at) => {
    sum += 1 / (at + 1);
    return sum;
  });
  return () => {
    const wanted = random() * sum;
    let low = 0;
    for (let high = count - 1; low < high; ) {
      const middle = (low + high) >>> 1;
      if ((upTo[middle] ?? sum) > wanted) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}
