// GET /version: what runs here (L72). What a Worker cannot know is null, never made up.

import type { IRequestStrict } from "itty-router";
import manifest from "../../package.json" with { type: "json" };
import { ok } from "../contracts/refusals.ts";
import { reply } from "../http/reply.ts";
import { deploymentOf, uptimeMs } from "../isolate/deployment.ts";

/** `uptime` in seconds since this version was deployed or started, null where the platform does not say when that was. */
export async function getVersion(request: IRequestStrict, env: Env): Promise<Response> {
  const nowMs = Date.now();
  const upMs = uptimeMs(deploymentOf(env), nowMs);
  return reply(
    request,
    ok({
      version: manifest.version,
      commit: env.COMMIT === "" ? null : env.COMMIT,
      deployment: env.VERSION.id,
      environment: env.ENVIRONMENT,
      node: null,
      runtime: navigator.userAgent,
      uptime: upMs === null ? null : upMs / 1_000,
      memory: { rss: null, heapTotal: null, heapUsed: null },
      timestamp: new Date(nowMs).toISOString(),
    }),
  );
}
