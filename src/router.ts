// The control surface: every route on one screen. Traffic never passes through here.
// A plain Router, because AutoRouter hands out a Proxy of the request, which cannot be forwarded.

import { type IRequestStrict, Router } from "itty-router";
import { type RefusalCode, refuse } from "./contracts/refusals.ts";
import { type Guarded, guardAdmin, guardHolderOrAdmin, guardRate } from "./control-guards.ts";
import { writeAccessLine } from "./http/access-log.ts";
import { clientIpOf } from "./http/client-ip.ts";
import { clientSchemeOf } from "./http/client-scheme.ts";
import { HttpError } from "./http/http-error.ts";
import { refusalOfFault } from "./http/refusal-of-fault.ts";
import { prefersHtml, problem } from "./http/reply.ts";
import { requestIdOf } from "./http/request-id.ts";
import { asGet, hasTooLargeHeaders, withoutBody, withScheme } from "./http/seen-request.ts";
import { deploymentOf } from "./isolate/deployment.ts";
import { rawPath, readAddress } from "./policies/forwarding/address.ts";
import { getAudit, verifyAudit } from "./routes/audit.ts";
import { getAutoscale } from "./routes/autoscale.ts";
import { getBackupHealth, getBackupStatus } from "./routes/backups.ts";
import { getBalancerStatus } from "./routes/balancer.ts";
import {
  getConfig,
  getConfigHistory,
  getConfigVersion,
  patchConfig,
  putConfig,
  rollbackConfig,
  validateConfig,
} from "./routes/config.ts";
import { getServices } from "./routes/discovery.ts";
import { cancelExec, getExecOutput, getExecStatus, listExecs, postExec, postExecSync } from "./routes/exec.ts";
import { streamExec } from "./routes/exec-stream.ts";
import { getHealth } from "./routes/health.ts";
import { getHealthWorkers } from "./routes/health-workers.ts";
import { getLimitKey, getLimits, refundLimitKey, resetLimitKey } from "./routes/limits.ts";
import { getHealthHistory } from "./routes/pool-health.ts";
import { deleteInstance, getRegistry, heartbeat, putInstance } from "./routes/registry.ts";
import { getJob, restartUser, restartUsers } from "./routes/restarts.ts";
import { getSession, logout, postPreferences } from "./routes/session.ts";
import { deleteSession, getSessionById, postSession } from "./routes/sessions.ts";
import {
  getUserConfig,
  getUserConfigHistory,
  getUserConfigVersion,
  patchUserConfig,
  patchUserConfigs,
  putUserConfig,
  rollbackUserConfig,
} from "./routes/user-config.ts";
import { getLiveUserState, getStateDashboard, getUserState } from "./routes/user-state.ts";
import { deleteUser, getUser, getUsers, lookUpUser, putUser } from "./routes/users.ts";
import { getVersion } from "./routes/version.ts";
import { getWorkers } from "./routes/workers.ts";
import { changeWorker } from "./routes/workers-lifecycle.ts";
import { getWorkersStatus } from "./routes/workers-status.ts";
import { explain } from "./traffic/explain.ts";

const router = Router<IRequestStrict, [Env, ExecutionContext]>();

router
  .all("/health*", limitedBy("health"))
  .get("/health", getHealth)
  .get("/health/workers", getHealthWorkers)
  .all("/metrics*", limitedBy("metrics"))
  .get("/version", getVersion)

  .get("/api/session", getSession)
  .post("/api/session/preferences", postPreferences)
  .post("/api/session/logout", logout)

  .all("/api/super/*", requireAdmin, limitedBy("super"))
  .get("/api/super/config", getConfig)
  .put("/api/super/config", putConfig)
  .patch("/api/super/config", patchConfig)
  .get("/api/super/config/history", getConfigHistory)
  .get("/api/super/config/history/:version", getConfigVersion)
  .post("/api/super/config/rollback", rollbackConfig)
  .post("/api/super/config/validate", validateConfig)
  .get("/api/super/audit", getAudit)
  .get("/api/super/audit/verify", verifyAudit)
  .get("/api/super/autoscale/:pool", getAutoscale)
  .post("/api/super/explain", explain)
  .get("/api/super/health/:pool/history", getHealthHistory)
  .get("/api/super/registry/:pool", getRegistry)
  .put("/api/super/registry/:pool/:instance", putInstance)
  .delete("/api/super/registry/:pool/:instance", deleteInstance)
  .post("/api/super/registry/:pool/:instance/heartbeat", heartbeat)
  .get("/api/super/limits", getLimits)
  .get("/api/super/limits/:policy/:key", getLimitKey)
  .delete("/api/super/limits/:policy/:key", resetLimitKey)
  .post("/api/super/limits/:policy/:key/refund", refundLimitKey)
  .post("/api/super/sessions", postSession)
  .get("/api/super/sessions/:id", getSessionById)
  .delete("/api/super/sessions/:id", deleteSession)
  .get("/api/super/r2-health", getBackupHealth)
  .get("/api/super/users", getUsers)
  .get("/api/super/users/lookup/:name", lookUpUser)
  .get("/api/super/users/:id", getUser)
  .put("/api/super/users/:id", putUser)
  .delete("/api/super/users/:id", deleteUser)
  .get("/api/super/users/:id/state", getUserState)
  .get("/api/super/users/:id/state/v2", getLiveUserState)
  .get("/api/super/state/dashboard", getStateDashboard)
  .get("/api/super/users/:id/r2-status", getBackupStatus)
  .get("/api/super/users/:id/config", getUserConfig)
  .put("/api/super/users/:id/config", putUserConfig)
  .patch("/api/super/users/:id/config", patchUserConfig)
  .get("/api/super/users/:id/config/history", getUserConfigHistory)
  .get("/api/super/users/:id/config/history/:version", getUserConfigVersion)
  .post("/api/super/users/:id/config/rollback", rollbackUserConfig)
  .post("/api/super/bulk/config-patch", patchUserConfigs)
  .post("/api/super/users/:id/restart-async", restartUser)
  .post("/api/super/bulk/restart", restartUsers)
  .get("/api/super/jobs/:jobId", getJob)

  .post("/api/super/users/:userId/exec", postExec)
  .get("/api/super/users/:userId/exec", listExecs)
  .post("/api/super/users/:userId/exec-sync", postExecSync)
  .get("/api/super/users/:userId/exec/:execId/status", getExecStatus)
  .get("/api/super/users/:userId/exec/:execId/output", getExecOutput)
  .get("/api/super/users/:userId/exec/:execId/stream", streamExec)
  .delete("/api/super/users/:userId/exec/:execId", cancelExec)

  .all("/admin/*", requireAdmin, limitedBy("admin"))
  .get("/admin/workers", getWorkers)
  .post("/admin/workers/:name/start", changeWorker("start"))
  .post("/admin/workers/:name/drain", changeWorker("drain"))
  .post("/admin/workers/:name/stop", changeWorker("stop"))
  .post("/admin/workers/:name/restart", changeWorker("restart"))
  .all("/discovery/*", requireAdmin)
  .get("/discovery/services", getServices)
  .all("/api/workers/status", requireHolderOrAdmin)
  .get("/api/workers/status", getWorkersStatus)
  .all("/balancer/*", requireAdmin)
  .get("/balancer/status", getBalancerStatus);

/** A host name's own limit (RFC 1035 §2.3.4): whatever else was sent as one is cut in the log. */
const HOST_MAX = 255;

/** Answers everything below the reserved paths and writes its log line. What is not there is 404, a wrong method 405 with Allow. */
export async function routeControl(request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
  const startedAtMs = Date.now();
  const response = await answerControl(request, env, ctx);
  writeAccessLine({
    requestId: requestIdOf(request),
    method: request.method,
    host: (request.headers.get("Host") ?? "").slice(0, HOST_MAX),
    path: rawPath(request.url),
    clientIp: clientIpOf(request, deploymentOf(env)),
    status: response.status,
    ms: Date.now() - startedAtMs,
    why: "control",
  });
  return response;
}

async function answerControl(request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
  if (hasTooLargeHeaders(request)) return refusal(request, "headers_too_large");
  const address = readAddress(request.url, request.headers.get("Host") ?? "");
  if (!address.ok) return refusal(request, address.code);
  const scheme = clientSchemeOf(request, address.scheme, deploymentOf(env).trustedHops);
  const seen = scheme === address.scheme ? request : withScheme(request, scheme);
  if (request.method !== "HEAD") return await dispatch(seen, env, ctx);
  return withoutBody(await dispatch(asGet(seen), env, ctx));
}

async function dispatch(request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
  const answered = await answerRouted(request, env, ctx);
  for (const [name, value] of guardHeaders.get(request) ?? []) answered.headers.set(name, value);
  return answered;
}

async function answerRouted(request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
  try {
    const response: Response | undefined = await router.fetch(request, env, ctx);
    return response ?? refuseUnrouted(request);
  } catch (error) {
    if (error instanceof HttpError) return answer(request, error.refusal, error.headers);
    return answer(request, refusalOfFault(error, requestIdOf(request)));
  }
}

function refuseUnrouted(request: Request): Response {
  const allowed = allowedMethods(new URL(request.url).pathname);
  return allowed.length === 0
    ? refusal(request, "not_found")
    : refusal(request, "method_not_allowed", { Allow: allowed.join(", ") });
}

/** Runs before every route of an operator's: refuses, or lets the router go on. */
async function requireAdmin(request: IRequestStrict, env: Env, ctx: ExecutionContext): Promise<Response | undefined> {
  return heed(request, await guardAdmin(request, env, ctx));
}

/** A valid session, else the admin secret. */
async function requireHolderOrAdmin(
  request: IRequestStrict,
  env: Env,
  ctx: ExecutionContext,
): Promise<Response | undefined> {
  return heed(request, await guardHolderOrAdmin(request, env, ctx));
}

/** Counts every call below a path under the limit of that name. */
function limitedBy(name: string) {
  return async (request: IRequestStrict, env: Env, ctx: ExecutionContext): Promise<Response | undefined> =>
    heed(request, await guardRate(name, request, { env, ctx }));
}

/** What guards want the answer to a request to carry. */
const guardHeaders = new WeakMap<Request, readonly (readonly [string, string])[]>();

function heed(request: Request, { refusal, headers }: Guarded): Response | undefined {
  if (headers !== undefined) guardHeaders.set(request, headers);
  return refusal === undefined ? undefined : answer(request, refusal);
}

function allowedMethods(path: string): string[] {
  const methods = router.routes
    .filter(([method, pattern]) => method !== "ALL" && pattern.test(path))
    .map(([method]) => method);
  return methods.includes("GET") ? ["HEAD", ...methods] : methods;
}

const refusal = (request: Request, code: RefusalCode, headers?: HeadersInit): Response =>
  answer(request, refuse(code), headers);

const answer = (request: Request, refused: ReturnType<typeof refuse>, headers: HeadersInit = {}): Response =>
  problem(refused, { requestId: requestIdOf(request), html: prefersHtml(request.headers.get("Accept")), headers });
