// Reads a control-surface query string through its schema: numbers within bounds, nothing unknown, nothing twice.

import * as v from "valibot";
import { listProblems } from "../contracts/problems.ts";
import { HttpError } from "./http-error.ts";

/** A whole number of at most 15 digits between `min` and `max`. */
export const wholeNumber = (min: number, max: number) =>
  v.pipe(
    v.string(),
    v.regex(/^\d{1,15}$/, "must be a whole number"),
    v.transform(Number),
    v.minValue(min, `must be at least ${min}`),
    v.maxValue(max, `must be at most ${max}`),
  );

/** The query as `schema` sees it. Throws HttpError 400 invalid_query with every offending parameter. */
export function readQuery<S extends v.GenericSchema>(request: Request, schema: S): v.InferOutput<S> {
  const { searchParams } = new URL(request.url);
  const repeated = [...searchParams.keys()].find((name, index, names) => names.indexOf(name) !== index);
  if (repeated !== undefined) throw invalid([{ path: repeated, message: "is given more than once" }]);
  const parsed = v.safeParse(schema, Object.fromEntries(searchParams));
  if (!parsed.success) throw invalid(listProblems(parsed.issues));
  return parsed.output;
}

const invalid = (problems: ReturnType<typeof listProblems>): HttpError =>
  new HttpError("invalid_query", undefined, { problems });
