// /api/super/users/{id}/config: one user's configuration, read, replaced, patched, looked back at and rolled back, as the plane's own is;
// and one patch for many. The Directory object decides about every write. The router has checked the admin secret by then.

import type { IRequestStrict } from "itty-router";
import { count } from "../contracts/bounded-count.ts";
import { ok, type Result, refuse } from "../contracts/refusals.ts";
import { strict } from "../contracts/strict-object.ts";
import {
  BulkPatch,
  type BulkPatchResult,
  type TaggedUserConfig,
  type UserConfigChange,
  type UserConfigEdit,
} from "../contracts/user-config.ts";
import { JSON_ONLY, JSON_OR_PATCH, readBody, readJson } from "../http/body.ts";
import { HttpError } from "../http/http-error.ts";
import { versionIn } from "../http/path-segment.ts";
import { reply } from "../http/reply.ts";
import { requestIdOf } from "../http/request-id.ts";
import { callDirectory } from "../objects.ts";
import { namesVersion, versionTag } from "../policies/config/precondition.ts";
import { refuseMisshapen } from "../policies/fleet/user-document.ts";
import { everyUser } from "./every-user.ts";
import { readUserId } from "./known-user.ts";
import { recordAction } from "./record-action.ts";

const Rollback = strict({ version: count(0, Number.MAX_SAFE_INTEGER) });
/** Patched by one call: each may hold 64 KiB, and others wait meanwhile. */
const PATCHED_AT_ONCE_MAX = 100;

/** GET /api/super/users/{id}/config: the document itself under its ETag; 304 for a known one, 404 unknown_user. */
export const getUserConfig = async (request: IRequestStrict, env: Env): Promise<Response> => {
  const id = readUserId(request.params.id);
  if (!id.ok) return reply(request, id);
  const current = await callDirectory(env, (directory) => directory.config(id.value));
  if (!current.ok) return reply(request, current);
  const ETag = versionTag(current.value.tag);
  if (namesVersion(request.headers.get("If-None-Match") ?? "", current.value.tag)) {
    return new Response(null, { status: 304, headers: { ETag, "X-Request-Id": requestIdOf(request) } });
  }
  return reply(request, ok(current.value.document), { headers: { ETag } });
};

/** PUT /api/super/users/{id}/config: {version, changed, document}; 400 invalid_body, 404 unknown_user, 412 stale_version. */
export const putUserConfig = async (request: IRequestStrict, env: Env): Promise<Response> =>
  change(request, env, { kind: "replace", document: await readShaped(request, JSON_ONLY) });

/** PATCH /api/super/users/{id}/config: an RFC 7396 merge patch; answers like PUT. */
export const patchUserConfig = async (request: IRequestStrict, env: Env): Promise<Response> =>
  change(request, env, { kind: "patch", patch: await readShaped(request, JSON_OR_PATCH) });

/** POST /api/super/users/{id}/config/rollback {version}: in force again, as a new version; 404 unknown_version too. */
export const rollbackUserConfig = async (request: IRequestStrict, env: Env): Promise<Response> =>
  change(request, env, { kind: "rollback", ...(await readBody(request, Rollback)) });

/** GET /api/super/users/{id}/config/history: {versions}, the newest first: the one in force and ten before it. */
export const getUserConfigHistory = async (request: IRequestStrict, env: Env): Promise<Response> => {
  const id = readUserId(request.params.id);
  if (!id.ok) return reply(request, id);
  const versions = await callDirectory(env, (directory) => directory.configHistory(id.value));
  return reply(request, versions.ok ? ok({ versions: versions.value }) : versions);
};

/** GET /api/super/users/{id}/config/history/{version}: {version, document} as it was; 404 unknown_version. */
export const getUserConfigVersion = async (request: IRequestStrict, env: Env): Promise<Response> => {
  const id = readUserId(request.params.id);
  if (!id.ok) return reply(request, id);
  const version = versionIn(request.params.version);
  if (version === undefined) return reply(request, refuse("unknown_version", "a version is a whole number"));
  const kept = await callDirectory(env, (directory) => directory.config(id.value, version));
  if (!kept.ok) return reply(request, kept);
  const { tag: _, ...value } = kept.value;
  return reply(request, ok(value));
};

/** POST /api/super/bulk/config-patch {patch, userIds?}: {results, changed, failed}, one result per user, whoever fails. */
export const patchUserConfigs = async (request: IRequestStrict, env: Env): Promise<Response> => {
  const { patch, userIds } = await readBody(request, BulkPatch);
  const refused = refuseMisshapen(patch, ["patch"]);
  if (refused !== undefined) return reply(request, refused);
  const meant = userIds ?? (await everyUser(env)).map(({ id }) => id);
  const results = await patchAll(env, meant, patch);
  return reply(request, ok({ results, ...tally(results) }));
};

/** What was changed is written down also where the rest could not be. */
async function patchAll(env: Env, userIds: readonly string[], patch: unknown): Promise<readonly BulkPatchResult[]> {
  const origin = { commandId: crypto.randomUUID(), actor: "admin", patch };
  const results: BulkPatchResult[] = [];
  try {
    for (let from = 0; from < userIds.length; from += PATCHED_AT_ONCE_MAX) {
      const command = { ...origin, userIds: userIds.slice(from, from + PATCHED_AT_ONCE_MAX) };
      results.push(...(await callDirectory(env, (directory) => directory.patchConfigs(command))));
    }
    return results;
  } finally {
    const subject = `${results.length} of ${userIds.length} users`;
    await recordAction(env, "user.config.bulk-patch", { subject, detail: tally(results) });
  }
}

const tally = (results: readonly BulkPatchResult[]) => ({
  changed: results.filter((result) => result.ok && result.changed).length,
  failed: results.filter((result) => !result.ok).length,
});

async function readShaped(request: Request, mediaTypes: readonly string[]): Promise<unknown> {
  const value = await readJson(request, mediaTypes);
  // Before it is sent to the object: what nests too deep can't be.
  const refused = refuseMisshapen(value);
  if (refused !== undefined) throw new HttpError(refused.code, refused.detail, refused.data);
  return value;
}

async function change(request: IRequestStrict, env: Env, edit: UserConfigEdit): Promise<Response> {
  const id = readUserId(request.params.id);
  if (!id.ok) return reply(request, id);
  const ifMatch = request.headers.get("If-Match");
  const origin = { userId: id.value, commandId: crypto.randomUUID(), actor: "admin" };
  const command = { ...origin, edit, ...(ifMatch !== null && { ifMatch }) };
  const changed = await callDirectory(env, (directory) => directory.changeConfig(command));
  if (changed.ok && changed.value.changed) {
    const detail = { source: edit.kind, version: changed.value.version };
    await recordAction(env, "user.config", { subject: id.value, detail });
  }
  return replyChange(request, changed);
}

function replyChange(request: Request, changed: Result<TaggedUserConfig<UserConfigChange>>): Response {
  if (!changed.ok) return reply(request, changed);
  const { tag, ...value } = changed.value;
  return reply(request, ok(value), { headers: { ETag: versionTag(tag) } });
}
