// Reads a wrangler.jsonc: the one place where bindings, classes and variables of a Worker are written down.
// Takes what a Worker needs under workerd and leaves the rest (environments, observability) to wrangler.

import { readFileSync } from "node:fs";
import path from "node:path";
import * as v from "valibot";
import { parseJsonc } from "./jsonc.ts";
import { reasonOf, StartProblem } from "./start-problem.ts";

const WranglerDocument = v.object({
  name: v.optional(v.string()),
  main: v.string(),
  compatibility_date: v.string(),
  compatibility_flags: v.optional(v.array(v.string()), []),
  vars: v.optional(v.record(v.string(), v.unknown()), {}),
  services: v.optional(
    v.array(v.object({ binding: v.string(), service: v.string(), entrypoint: v.optional(v.string()) })),
    [],
  ),
  durable_objects: v.optional(v.object({ bindings: v.array(v.object({ name: v.string(), class_name: v.string() })) }), {
    bindings: [],
  }),
  r2_buckets: v.optional(v.array(v.object({ binding: v.string(), bucket_name: v.string() })), []),
  version_metadata: v.optional(v.object({ binding: v.string() })),
});

export type WranglerFile = v.InferOutput<typeof WranglerDocument> & {
  /** `main`, absolute. */
  readonly entry: string;
};

export function readWranglerFile(file: string): WranglerFile {
  try {
    const document = v.parse(WranglerDocument, parseJsonc(readFileSync(file, "utf8")));
    return { ...document, entry: path.resolve(path.dirname(file), document.main) };
  } catch (error) {
    throw new StartProblem(`${file}: ${reasonOf(error)}`);
  }
}
