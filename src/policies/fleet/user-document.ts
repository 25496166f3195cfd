// Which JSON values may be a user's configuration, and what a change to one comes to. Its fields are nobody's business here, but
// for those that an executor's own merge could take for a prototype.

import { PROBLEMS_MAX, pathTo } from "../../contracts/problems.ts";
import { ok, type Refusal, type Result, refuse } from "../../contracts/refusals.ts";
import { USER_CONFIG_BYTES_MAX, type UserConfig, type UserDocument } from "../../contracts/user-config.ts";
import { canonicalJson } from "../config/canonical-json.ts";
import { DEPTH_MAX, foreignKeys, isObject, isTooDeep, type Keys } from "../config/json-shape.ts";
import { namesVersion } from "../config/precondition.ts";

/**
 * The refusal of a document or patch that can't be one, with every place that is wrong; its size is not looked at.
 * `at` is where it stands in what was sent.
 */
export function refuseMisshapen(value: unknown, at: Keys = []): Refusal | undefined {
  const path = pathTo(...at);
  if (isTooDeep(value)) return invalid([{ path, message: `must not nest deeper than ${DEPTH_MAX} levels` }]);
  if (!isObject(value)) return invalid([{ path, message: "must be an object" }]);
  const foreign = foreignKeys(value, at).slice(0, PROBLEMS_MAX);
  if (foreign.length === 0) return undefined;
  return invalid(foreign.map((keys) => ({ path: pathTo(...keys), message: "is no key of data" })));
}

export type ProposedUserConfig = {
  readonly next: unknown;
  readonly current: UserConfig;
  /** The entity tag of `current`, and an If-Match header. */
  readonly tag: string;
  readonly ifMatch: string | undefined;
};
export type DecidedUserConfig = { readonly document: UserDocument; readonly text: string; readonly changed: boolean };

/**
 * Refuses `invalid_body`, then `stale_version`: whoever sent nonsense learns that first.
 * `changed` is false where the very same document is in force, in whatever order its keys were sent.
 */
export function decideUserConfig({ next, current, tag, ifMatch }: ProposedUserConfig): Result<DecidedUserConfig> {
  const misshapen = refuseMisshapen(next);
  if (misshapen !== undefined) return misshapen;
  const document = next as UserDocument;
  const text = JSON.stringify(document);
  if (new TextEncoder().encode(text).byteLength > USER_CONFIG_BYTES_MAX) {
    return invalid([{ path: "", message: `must be at most ${USER_CONFIG_BYTES_MAX} bytes of JSON` }]);
  }
  if (ifMatch !== undefined && !namesVersion(ifMatch, tag)) {
    return refuse("stale_version", `version ${current.version} is in force`, { version: current.version });
  }
  return ok({ document, text, changed: canonicalJson(document) !== canonicalJson(current.document) });
}

/** Of a user's life and a version in it: `1763700000000-3`. */
export const userConfigTag = (registeredAt: number, version: number): string => `${registeredAt}-${version}`;

const invalid = (problems: readonly { readonly path: string; readonly message: string }[]): Refusal =>
  refuse("invalid_body", problems.length === 1 ? "one problem" : `${problems.length} problems`, { problems });
