// The configuration over HTTP, operators only: read, replace, patch, look back, roll back, try without writing.
// The ControlPlane object decides about every write; ETags are its versions.

import type { IRequestStrict } from "itty-router";
import * as v from "valibot";
import { describeBindings } from "../contracts/bindings.ts";
import type { ConfigChange } from "../contracts/control.ts";
import { ok, type Result, refuse } from "../contracts/refusals.ts";
import { JSON_ONLY, JSON_OR_PATCH, readBody, readJson } from "../http/body.ts";
import { HttpError } from "../http/http-error.ts";
import { versionIn } from "../http/path-segment.ts";
import { readQuery, wholeNumber } from "../http/query.ts";
import { reply } from "../http/reply.ts";
import { requestIdOf } from "../http/request-id.ts";
import { callControl } from "../objects.ts";
import { namesVersion, versionTag } from "../policies/config/precondition.ts";
import { refuseTooDeep, validateDocument } from "../policies/config/validate-document.ts";

const HistoryPage = v.strictObject({
  limit: v.optional(wholeNumber(1, 1_000), "50"),
  before: v.optional(wholeNumber(0, Number.MAX_SAFE_INTEGER)),
});
const Rollback = v.strictObject({ version: v.pipe(v.number(), v.integer(), v.minValue(0)) });

/** GET /api/super/config: the document itself, so that what was read can be edited and put back; 304 for a known version. */
export const getConfig = async (request: IRequestStrict, env: Env): Promise<Response> => {
  const current = await callControl(env, (control) => control.current(null));
  const ETag = versionTag(current.version);
  if (namesVersion(request.headers.get("If-None-Match") ?? "", current.version)) {
    return new Response(null, { status: 304, headers: { ETag, "X-Request-Id": requestIdOf(request) } });
  }
  return reply(request, ok(current.changed ? current.document : {}), { headers: { ETag } });
};

/** PUT /api/super/config: 200 with ConfigChange; 400 invalid_config, then 412 stale_version. */
export const putConfig = async (request: IRequestStrict, env: Env): Promise<Response> => {
  const document = await readDocument(request, JSON_ONLY);
  const command = { ...commandOf(request), document };
  return replyChange(request, await callControl(env, (control) => control.replace(command)));
};

/** PATCH /api/super/config: an RFC 7396 merge patch; answers like PUT. */
export const patchConfig = async (request: IRequestStrict, env: Env): Promise<Response> => {
  const patch = await readDocument(request, JSON_OR_PATCH);
  const command = { ...commandOf(request), patch };
  return replyChange(request, await callControl(env, (control) => control.patch(command)));
};

/** POST /api/super/config/rollback {version}: that document in force again, as a new version; 404 unknown_version. */
export const rollbackConfig = async (request: IRequestStrict, env: Env): Promise<Response> => {
  const { version } = await readBody(request, Rollback);
  const command = { ...commandOf(request), version };
  return replyChange(request, await callControl(env, (control) => control.rollback(command)));
};

/** POST /api/super/config/validate: what PUT would say of the document, without writing; 200 {valid, warnings}. */
export const validateConfig = async (request: IRequestStrict, env: Env): Promise<Response> => {
  const valid = validateDocument(await readDocument(request, JSON_ONLY), describeBindings(env));
  return reply(request, valid.ok ? ok({ valid: true, warnings: valid.value.warnings }) : valid);
};

/** GET /api/super/config/history?limit&before: {versions}, newest first; `before` continues below a version. */
export const getConfigHistory = async (request: IRequestStrict, env: Env): Promise<Response> => {
  const { limit, before } = readQuery(request, HistoryPage);
  const page = { limit, ...(before !== undefined && { before }) };
  return reply(request, ok({ versions: await callControl(env, (control) => control.history(page)) }));
};

/** GET /api/super/config/history/:version: {version, document} as it was; 404 unknown_version. */
export const getConfigVersion = async (request: IRequestStrict, env: Env): Promise<Response> => {
  const version = versionIn(request.params.version);
  if (version === undefined) return reply(request, refuse("unknown_version", "a version is a whole number"));
  return reply(request, await callControl(env, (control) => control.version(version)));
};

async function readDocument(request: Request, mediaTypes: readonly string[]): Promise<unknown> {
  const value = await readJson(request, mediaTypes);
  // Before it is sent to the object: what nests too deep can't be.
  const refused = refuseTooDeep(value);
  if (refused !== undefined) throw new HttpError(refused.code, refused.detail, refused.data);
  return value;
}

/** A fresh id per request, never the client's X-Request-Id: only our own resending may count as a repetition. */
const commandOf = (request: Request) => {
  const ifMatch = request.headers.get("If-Match");
  return { commandId: crypto.randomUUID(), actor: "admin", ...(ifMatch !== null && { ifMatch }) };
};

const replyChange = (request: Request, change: Result<ConfigChange>): Response =>
  reply(request, change, change.ok ? { headers: { ETag: versionTag(change.value.version) } } : {});
