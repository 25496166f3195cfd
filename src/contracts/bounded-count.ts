// Whole numbers within bounds, counts as well as durations in ms, with messages that name the bound.

import * as v from "valibot";

export const DAY_MS = 86_400_000;

/** From `min` to `max`, both included. */
export const count = (min: number, max: number) =>
  v.pipe(
    v.number(),
    v.integer("must be a whole number"),
    v.minValue(min, `must be at least ${min}`),
    v.maxValue(max, `must be at most ${max}`),
  );

/** The same in ms; says what is counted. */
export const durationMs = count;
