// What every rate limiter that counts per request comes down to: one call to an object that commits one row, then the request is
// forwarded. The least a limit costs whose keys have never been seen before.

import type { LimitWindow } from "./per-request.ts";
import { sentHeaders } from "./sent-headers.ts";

export { LimitWindow } from "./per-request.ts";

type OneCommitEnv = { readonly [binding in "BENCH_1" | "BENCH_2" | "BENCH_3" | "BENCH_4"]: Fetcher } & {
  readonly LIMIT_WINDOW: DurableObjectNamespace<LimitWindow>;
};
const USER = { userId: "user-1", username: "user-1" };
const BACKENDS = ["BENCH_1", "BENCH_2", "BENCH_3", "BENCH_4"] as const;
let turn = 0;

export default {
  async fetch(request, env) {
    const id = crypto.randomUUID();
    if (!(await env.LIMIT_WINDOW.getByName("all").admit(request.url, Date.now())))
      return new Response(null, { status: 429 });
    const { method, body } = request;
    const answer = await env[BACKENDS[turn++ & 3] ?? BACKENDS[0]].fetch(request.url, {
      method,
      headers: sentHeaders(request, id, USER),
      body,
      redirect: "manual",
    });
    const response = new Response(answer.body, answer);
    response.headers.set("X-Request-Id", id);
    return response;
  },
} satisfies ExportedHandler<OneCommitEnv>;
