// JSON's objects as contracts mean them: never an array, never a field that nobody knows.
// Owns nothing about any one document.

import * as v from "valibot";

/** JSON's objects: valibot takes an array for an object whose fields are all optional. */
export const JsonObject = v.custom<{ [key: string]: unknown }>(
  (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  "must be an object",
);
const UnknownField = v.never("is not a known field");

/** An object of exactly these fields. v.strictObject names only the first unknown one; here every one is a problem of its own. */
export const strict = <const E extends v.ObjectEntries>(entries: E): Strict<E> =>
  v.pipe(JsonObject, v.objectWithRest(entries, UnknownField)) as never;
type Strict<E extends v.ObjectEntries> = v.GenericSchema<
  v.InferInput<v.StrictObjectSchema<E, undefined>>,
  v.InferOutput<v.StrictObjectSchema<E, undefined>>
>;
