// GET /health: whether this isolate serves (D28). It asks nobody else, so it says nothing about backends.

import type { IRequestStrict } from "itty-router";
import manifest from "../../package.json" with { type: "json" };
import { ok } from "../contracts/refusals.ts";
import { reply } from "../http/reply.ts";
import { deploymentOf, uptimeMs } from "../isolate/deployment.ts";

/** `uptime` in ms since this version was deployed or started, null where the platform does not say when that was. */
export async function getHealth(request: IRequestStrict, env: Env): Promise<Response> {
  const nowMs = Date.now();
  return reply(
    request,
    ok({
      status: "healthy",
      service: manifest.name,
      version: manifest.version,
      timestamp: new Date(nowMs).toISOString(),
      uptime: uptimeMs(deploymentOf(env), nowMs),
    }),
  );
}
