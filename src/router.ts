// The control surface: every route on one screen. Traffic never passes through here.
// A plain Router, because AutoRouter hands out a Proxy of the request, which cannot be forwarded.

import { type IRequestStrict, Router } from "itty-router";
import { type RefusalCode, refuse } from "./contracts/refusals.ts";
import { refuseUnlessAdmin } from "./http/admin.ts";
import { refusalOfFault } from "./http/fault.ts";
import { HttpError } from "./http/http-error.ts";
import { prefersHtml, problem } from "./http/reply.ts";
import { requestIdOf } from "./http/request-id.ts";
import { deploymentOf } from "./isolate/deployment.ts";
import { readAddress } from "./policies/forwarding/address.ts";
import { getAudit, verifyAudit } from "./routes/audit.ts";
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

import { getHealth } from "./routes/health.ts";
import { getSession, logout, postPreferences } from "./routes/session.ts";
import { deleteSession, getSessionById, postSession } from "./routes/sessions.ts";
import { getVersion } from "./routes/version.ts";
import { getWorkers } from "./routes/workers.ts";
import { explain } from "./traffic/explain.ts";

const router = Router<IRequestStrict, [Env, ExecutionContext]>();

router
  .get("/health", getHealth)
  .get("/version", getVersion)

  .get("/api/session", getSession)
  .post("/api/session/preferences", postPreferences)
  .post("/api/session/logout", logout)

  .all("/api/super/*", requireAdmin)
  .get("/api/super/config", getConfig)
  .put("/api/super/config", putConfig)
  .patch("/api/super/config", patchConfig)
  .get("/api/super/config/history", getConfigHistory)
  .get("/api/super/config/history/:version", getConfigVersion)
  .post("/api/super/config/rollback", rollbackConfig)
  .post("/api/super/config/validate", validateConfig)
  .get("/api/super/audit", getAudit)
  .get("/api/super/audit/verify", verifyAudit)
  .post("/api/super/explain", explain)
  .post("/api/super/sessions", postSession)
  .get("/api/super/sessions/:id", getSessionById)
  .delete("/api/super/sessions/:id", deleteSession)

  .all("/admin/*", requireAdmin)
  .get("/admin/workers", getWorkers)
  .all("/discovery/*", requireAdmin)
  .get("/discovery/services", getServices)
  .all("/balancer/*", requireAdmin)
  .get("/balancer/status", getBalancerStatus);

/** Answers everything below the reserved paths; what is not there is 404, a wrong method 405 with Allow. */
export async function routeControl(request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
  const address = readAddress(request.url, request.headers.get("Host") ?? "");
  if (!address.ok) return refusal(request, address.code);
  try {
    if (request.method === "HEAD")
      return withoutBody(await dispatch(new Request(request, { method: "GET" }), env, ctx));
    return await dispatch(request, env, ctx);
  } catch (error) {
    if (error instanceof HttpError) return answer(request, error.refusal, error.headers);
    return answer(request, refusalOfFault(error, requestIdOf(request)));
  }
}

async function dispatch(request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
  const response: Response | undefined = await router.fetch(request, env, ctx);
  if (response !== undefined) return response;
  const allowed = allowedMethods(new URL(request.url).pathname);
  return allowed.length === 0
    ? refusal(request, "not_found")
    : refusal(request, "method_not_allowed", { Allow: allowed.join(", ") });
}

/** Runs before every route of an operator's: refuses, or lets the router go on. */
function requireAdmin(request: IRequestStrict, env: Env): Response | undefined {
  const refused = refuseUnlessAdmin(request.headers, deploymentOf(env).adminSecret);
  return refused === undefined ? undefined : answer(request, refused);
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

const withoutBody = (response: Response): Response => new Response(null, response);
