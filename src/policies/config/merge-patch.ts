// JSON merge patch (RFC 7396). Works on own data only: a key like `__proto__` is a key, and no prototype is ever touched.
// Callers bound the patch's depth first (json-shape.ts); the merge recurses no deeper than the patch nests.

import { isObject } from "./json-shape.ts";

/** `target` with `patch` applied; neither is changed. Null removes, objects merge, everything else (arrays too) replaces. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const merged = new Map(isObject(target) ? Object.entries(target) : []);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key);
    else merged.set(key, mergePatch(merged.get(key), value));
  }
  // Defines own properties whatever their names, where an assignment would set a prototype.
  return Object.fromEntries(merged);
}
