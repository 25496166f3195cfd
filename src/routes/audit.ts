// The audit log over HTTP, operators only: what was changed, by whom, and whether the log is whole.

import type { IRequestStrict } from "itty-router";
import * as v from "valibot";
import { ok } from "../contracts/refusals.ts";
import { readQuery, wholeNumber } from "../http/query.ts";
import { reply } from "../http/reply.ts";
import { callControl } from "../objects.ts";

const AuditPage = v.strictObject({
  limit: v.optional(wholeNumber(1, 1_000), "100"),
  after: v.optional(wholeNumber(0, Number.MAX_SAFE_INTEGER)),
});

/** GET /api/super/audit?limit&after: {rows}, oldest first; `after` continues above a row's `seq`. */
export const getAudit = async (request: IRequestStrict, env: Env): Promise<Response> => {
  const { limit, after } = readQuery(request, AuditPage);
  const page = { limit, ...(after !== undefined && { after }) };
  return reply(request, ok({ rows: await callControl(env, (control) => control.auditLog(page)) }));
};

/** GET /api/super/audit/verify: {intact, rows, firstBroken?}. */
export const verifyAudit = async (request: IRequestStrict, env: Env): Promise<Response> =>
  reply(request, ok(await callControl(env, (control) => control.verifyAudit())));
