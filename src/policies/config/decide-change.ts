// Decides what a change to the configuration comes to: refused, nothing new, or a new version.

import type { Bindings } from "../../contracts/bindings.ts";
import type { ConfigVersion } from "../../contracts/config.ts";
import { ok, type Result, refuse } from "../../contracts/refusals.ts";
import { canonicalJson } from "./canonical-json.ts";
import { namesVersion } from "./precondition.ts";
import { type ValidDocument, validateDocument } from "./validate-document.ts";

export type ProposedChange = {
  /** What shall be in force. */
  readonly next: unknown;
  readonly current: ConfigVersion;
  /** An If-Match header. */
  readonly ifMatch?: string | undefined;
  readonly bindings: Bindings;
};

/**
 * Refuses `invalid_config`, then `stale_version`: whoever sent nonsense learns that first.
 * `changed` is false where the very same document is in force, in whatever order its keys were sent.
 */
export function decideChange(proposed: ProposedChange): Result<ValidDocument & { readonly changed: boolean }> {
  const { next, current, ifMatch, bindings } = proposed;
  const valid = validateDocument(next, bindings);
  if (!valid.ok) return valid;
  if (ifMatch !== undefined && !namesVersion(ifMatch, current.version)) {
    return refuse("stale_version", `version ${current.version} is in force`, { version: current.version });
  }
  const changed = canonicalJson(valid.value.document) !== canonicalJson(current.document);
  return ok({ ...valid.value, changed });
}
