// What every rate limiter that counts per request comes down to: one call to an object that commits one row, then the request is
// forwarded. The least a limit costs whose keys have never been seen before.

import { type BoundBackends, forwardInTurn } from "./forward-in-turn.ts";
import type { LimitWindow } from "./per-request.ts";

export { LimitWindow } from "./per-request.ts";

type OneCommitEnv = BoundBackends & { readonly LIMIT_WINDOW: DurableObjectNamespace<LimitWindow> };

export default {
  async fetch(request, env) {
    const isAdmitted = await env.LIMIT_WINDOW.getByName("all").admit(request.url, Date.now());
    return isAdmitted ? forwardInTurn(request, env) : new Response(null, { status: 429 });
  },
} satisfies ExportedHandler<OneCommitEnv>;
