// The limit of the HTTP group: pass-through.ts with origins in place of bindings.

import { sentHeaders } from "./sent-headers.ts";

type UrlEnv = { readonly ORIGINS: readonly string[] };
const USER = { userId: "user-1", username: "user-1" };
const PATH_FROM = "http://".length;
let turn = 0;

export default {
  async fetch(request, env) {
    const id = crypto.randomUUID();
    turn = (turn + 1) % env.ORIGINS.length;
    const { method, body, url } = request;
    const target = env.ORIGINS[turn] + url.slice(url.indexOf("/", PATH_FROM));
    const answer = await fetch(target, { method, headers: sentHeaders(request, id, USER), body, redirect: "manual" });
    const response = new Response(answer.body, answer);
    response.headers.set("X-Request-Id", id);
    return response;
  },
} satisfies ExportedHandler<UrlEnv>;
