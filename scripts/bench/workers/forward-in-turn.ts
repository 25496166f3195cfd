// The least a Worker can do that sends what the plane sends: a request goes to the next of four bound backends.
// The whole of pass-through.ts, and what one-commit.ts does after its commit; nothing here may wait for anything but the backend.

import { sentHeaders } from "./sent-headers.ts";

export type BoundBackends = { readonly [binding in "BENCH_1" | "BENCH_2" | "BENCH_3" | "BENCH_4"]: Fetcher };
const USER = { userId: "user-1", username: "user-1" };
let turn = 0;

export async function forwardInTurn(request: Request, env: BoundBackends): Promise<Response> {
  const id = crypto.randomUUID();
  turn = (turn + 1) & 3;
  const backend = turn === 0 ? env.BENCH_1 : turn === 1 ? env.BENCH_2 : turn === 2 ? env.BENCH_3 : env.BENCH_4;
  const { method, body } = request;
  const answer = await backend.fetch(request.url, {
    method,
    headers: sentHeaders(request, id, USER),
    body,
    redirect: "manual",
  });
  const response = new Response(answer.body, answer);
  response.headers.set("X-Request-Id", id);
  return response;
}
