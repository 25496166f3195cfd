// The limits that ship with the plane and apply unasked, raised so far that no test meets them by chance.
// For every test whose subject is something else; what the shipped numbers are is proven by test/traffic/limits.test.ts.

import type { ConfigDocument } from "../src/contracts/config.ts";
import { DEFAULT_LIMITS } from "../src/policies/limits/default-limits.ts";

const APPLY_UNASKED = ["general", "health", "metrics", "admin", "admin-failures"];

const GENEROUS = Object.fromEntries(
  Object.entries(DEFAULT_LIMITS)
    .filter(([name]) => APPLY_UNASKED.includes(name))
    .map(([name, limit]) => [name, { ...limit, limit: 1_000_000 }]),
);

/** The document with those limits, and its own in their place where it has any. */
export const withGenerousLimits = (document: object): object => ({
  ...document,
  limits: { ...GENEROUS, ...(document as ConfigDocument).limits },
});
