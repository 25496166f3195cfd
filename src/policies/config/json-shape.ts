// Bounds what may be done with a JSON value from outside before anything walks it recursively or merges it:
// what is an object, how deep it nests, and keys that JavaScript gives a meaning of its own.

/** The deepest field of a valid document lies seven levels down. */
export const DEPTH_MAX = 32;

export type Keys = readonly (string | number)[];

/** Never data: they name an object's prototype or constructor, and schemas drop them in silence. */
const FOREIGN_KEYS = new Set(["__proto__", "constructor", "prototype"]);

/** A JSON object: neither null nor an array. */
export const isObject = (value: unknown): value is { readonly [key: string]: unknown } =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Iterative, so that no input can exhaust the stack. */
export function isTooDeep(value: unknown): boolean {
  const pending = [{ value, depth: 1 }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (typeof next.value !== "object" || next.value === null) continue;
    if (next.depth > DEPTH_MAX) return true;
    for (const inner of Object.values(next.value)) pending.push({ value: inner, depth: next.depth + 1 });
  }
  return false;
}

/** Where a value that is not too deep has such keys. What lies below one is not looked at. */
export function foreignKeys(value: unknown, at: Keys = []): Keys[] {
  if (Array.isArray(value)) return value.flatMap((inner, index) => foreignKeys(inner, [...at, index]));
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    FOREIGN_KEYS.has(key) ? [[...at, key]] : foreignKeys(inner, [...at, key]),
  );
}
