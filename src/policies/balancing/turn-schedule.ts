// In which order the positions of a pool with weights fall on its instances: nginx's smooth weighted round-robin, written out for one
// period, so that every isolate reads the same order off the same positions. Worked out once per roster.

/** A period is no longer: beyond it weights are rounded, to at least one position each. */
const PERIOD_MAX = 4_096;

/** Index of the instance for each position of a period; undefined where all weigh alike, and position p falls on instance p mod n. */
export function turnSchedule(weights: readonly number[]): Uint16Array | undefined {
  const parts = inLowestTerms(weights);
  if (parts.every((part) => part === 1)) return undefined;
  const period = parts.reduce((sum, part) => sum + part, 0);
  const credits = parts.map(() => 0);
  return Uint16Array.from({ length: period }, () => {
    let richest = 0;
    for (const [at, part] of parts.entries()) {
      credits[at] = (credits[at] ?? 0) + part;
      if ((credits[at] ?? 0) > (credits[richest] ?? 0)) richest = at;
    }
    credits[richest] = (credits[richest] ?? 0) - period;
    return richest;
  });
}

function inLowestTerms(weights: readonly number[]): readonly number[] {
  const divisor = weights.reduce(greatestCommonDivisor, 0);
  const sum = weights.reduce((total, weight) => total + weight, 0) / divisor;
  if (sum <= PERIOD_MAX) return weights.map((weight) => weight / divisor);
  return weights.map((weight) => Math.max(1, Math.round((weight / divisor / sum) * PERIOD_MAX)));
}

const greatestCommonDivisor = (a: number, b: number): number => (b === 0 ? a : greatestCommonDivisor(b, a % b));
