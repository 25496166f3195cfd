// The fields of the configuration document that say how a pool's requests are spread over its instances. Part of the schema in config.ts.

import * as v from "valibot";
import { count, durationMs } from "./bounded-count.ts";
import { strict } from "./strict-object.ts";

export const STRATEGIES = [
  "round-robin",
  "least-connections",
  "weighted",
  "health-aware",
  "peak-ewma",
  "hash",
] as const;
export type Strategy = (typeof STRATEGIES)[number];

const HashKey = v.pipe(
  v.string(),
  v.regex(/^(?:session|user|header:[a-z0-9-]{1,64})$/, "must be session, user or header:name"),
);

/** The largest `slowStartMs`: for so long a registry remembers who came in. */
export const SLOW_START_MS_MAX = 300_000;

export const balancingFields = {
  strategy: v.optional(v.picklist(STRATEGIES)),
  /** By what the strategy `hash` keeps requests together. */
  hash: v.optional(strict({ key: HashKey })),
  slowStartMs: v.optional(durationMs(0, SLOW_START_MS_MAX)),
};

/** Of an instance: it serves while those of a lower `priority`, and without `backup`, are not enough. */
export const rankFields = {
  priority: v.optional(count(0, 100)),
  backup: v.optional(v.boolean()),
};
