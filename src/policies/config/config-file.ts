// The configuration a start may hand over in CONFIG_FILE, and whether it is due. A restart never reverts what the API changed:
// a file is applied when its digest is not that of the file applied last.

import * as v from "valibot";
import { ok, type Result, refuse } from "../../contracts/refusals.ts";

const ConfigFile = v.strictObject({
  /** Any text that changes with the file; compared, never interpreted. */
  digest: v.pipe(v.string(), v.nonEmpty(), v.maxLength(256)),
  document: v.unknown(),
  /** A default: applied only while nothing was ever configured. */
  initial: v.optional(v.boolean()),
});
export type ConfigFile = v.InferOutput<typeof ConfigFile>;

/** Undefined for an empty text: no file. Refuses `malformed_json` or `invalid_body`. */
export function readConfigFile(text: string): Result<ConfigFile | undefined> {
  if (text.trim() === "") return ok(undefined);
  try {
    const parsed = v.safeParse(ConfigFile, JSON.parse(text));
    return parsed.success ? ok(parsed.output) : refuse("invalid_body", "CONFIG_FILE needs digest and document");
  } catch {
    return refuse("malformed_json", "CONFIG_FILE is not JSON");
  }
}

export type AppliedSoFar = { readonly version: number; readonly fileDigest: string | null };

export const isFileDue = (file: ConfigFile, applied: AppliedSoFar): boolean =>
  file.digest !== applied.fileDigest && !(file.initial === true && applied.version > 0);
