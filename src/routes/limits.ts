// /api/super/limits: what is limited, how a single key stands, and what an operator does about it. The router has checked the
// admin secret by then. A key is written as `explain` shows it, percent-encoded; an IPv6 address stands for its /64.

import type { IRequestStrict } from "itty-router";
import { count } from "../contracts/bounded-count.ts";
import type { AuditEvent } from "../contracts/control.ts";
import type { LimitRule } from "../contracts/limits.ts";
import { ok, type Result, refuse } from "../contracts/refusals.ts";
import { strict } from "../contracts/strict-object.ts";
import { readBody } from "../http/body.ts";
import { decodeSegment } from "../http/path-segment.ts";
import { reply } from "../http/reply.ts";
import { currentConfig } from "../isolate/config-snapshot.ts";
import { type LimitAddress, limitAddress } from "../isolate/limits/limit-address.ts";
import { callLimiter, limiterShards } from "../objects.ts";
import { type CompiledLimit, ruleFor } from "../policies/limits/compiled-limit.ts";
import { describeKey, describeLimits } from "../policies/limits/describe-limits.ts";
import { writtenKey } from "../policies/limits/limit-key.ts";
import { recordAction } from "./record-action.ts";

const Refund = strict({ tokens: count(1, 1_000_000_000) });

/** GET /api/super/limits: {limits}, all in force with what stands under each. */
export const getLimits = async (request: IRequestStrict, env: Env, ctx: ExecutionContext): Promise<Response> => {
  const { limits, routes } = await currentConfig(env, ctx);
  return reply(request, ok({ limits: describeLimits(limits, routes) }));
};

/** GET /api/super/limits/{policy}/{key}: the live count and who holds leases; 404 unknown_limit, 400 bad_path. */
export const getLimitKey = async (request: IRequestStrict, env: Env, ctx: ExecutionContext): Promise<Response> => {
  const named = await readKey(request, env, ctx);
  if (!named.ok) return reply(request, named);
  const { key, shard, rule } = named.value;
  const status = await callLimiter(env, shard, (limiter) => limiter.describe(key, rule));
  return reply(request, ok(describeKey(named.value.facts, status)));
};

/**
 * DELETE /api/super/limits/{policy}/{key}: what was spent is forgotten, and the guarantee restarts here; answers how the key stood
 * before. Leases and slots stay, as they may still be used. An isolate that has just been refused may refuse for another second.
 */
export const resetLimitKey = async (request: IRequestStrict, env: Env, ctx: ExecutionContext): Promise<Response> => {
  const named = await readKey(request, env, ctx);
  if (!named.ok) return reply(request, named);
  const { key, shard, rule } = named.value;
  const before = await callLimiter(env, shard, (limiter) => limiter.reset(key, rule));
  await record(env, "limit.reset", named.value, { used: before.used });
  return reply(request, ok(describeKey(named.value.facts, before)));
};

/** POST /api/super/limits/{policy}/{key}/refund {tokens}: {refunded}, at most what was spent; slots come back by themselves. */
export const refundLimitKey = async (request: IRequestStrict, env: Env, ctx: ExecutionContext): Promise<Response> => {
  const named = await readKey(request, env, ctx);
  if (!named.ok) return reply(request, named);
  const { tokens } = await readBody(request, Refund);
  const { key, shard, rule } = named.value;
  const wanted = { id: crypto.randomUUID(), tokens };
  const refunded = await callLimiter(env, shard, (limiter) => limiter.refund(key, rule, wanted));
  await record(env, "limit.refund", named.value, { tokens, refunded });
  return reply(request, ok({ refunded }));
};

/** `limit`'s window for one key: where it is kept, and what operators are shown of it. */
type NamedKey = LimitAddress & {
  readonly limit: CompiledLimit;
  readonly rule: LimitRule;
  readonly facts: Parameters<typeof describeKey>[0];
};

async function readKey(request: IRequestStrict, env: Env, ctx: ExecutionContext): Promise<Result<NamedKey>> {
  const policy = decodeSegment(request.params.policy);
  const written = decodeSegment(request.params.key);
  if (policy === undefined || written === undefined)
    return refuse("bad_path", "a policy and a key are percent-encoded UTF-8");
  const limit = (await currentConfig(env, ctx)).limits.get(policy);
  if (limit === undefined) return refuse("unknown_limit");
  const key = writtenKey(limit, written);
  const rule = ruleFor(limit, key);
  return ok({ ...limitAddress(policy, key, limiterShards(env)), limit, rule, facts: { policy, key, rule } });
}

/** Longer keys are cut in the audit log; its subject names the window all the same. */
const KEY_CHARACTERS_KEPT = 256;

/** Named by its digest, and by its text unless that holds a header's value, which may be a secret. */
function record(
  env: Env,
  action: string,
  { key: subject, limit, facts }: NamedKey,
  counted: NonNullable<AuditEvent["detail"]>,
): Promise<void> {
  const isTold = limit.parts.every(({ kind }) => kind !== "header");
  const detail = { ...counted, ...(isTold && { key: facts.key.slice(0, KEY_CHARACTERS_KEPT) }) };
  return recordAction(env, action, { subject, detail });
}
