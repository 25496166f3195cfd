// One text per JSON value, whatever the order its keys came in: equal texts mean equal documents.

import { isObject } from "./json-shape.ts";

/** `value` as JSON with the keys of every object sorted. */
export const canonicalJson = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) =>
    isObject(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner,
  );
