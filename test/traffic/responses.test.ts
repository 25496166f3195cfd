// What comes back from a bound Worker on its way to the client: whole, unnamed things unnamed, and nothing that ends at this hop.

import { beforeAll, describe, expect, it } from "vitest";
import { configure, send } from "../http/send.ts";

const VIA = ["fetch", "rpc"];

beforeAll(async () => {
  await configure({
    log: { sampleRate: 0 },
    pools: {
      fetch: { instances: [{ id: "one", binding: "AUTH_APP" }] },
      rpc: { instances: [{ id: "one", binding: "BACKEND_SERVICE_1", rpc: true }] },
    },
    routes: VIA.map((pool) => ({ id: pool, path: `/${pool}/*`, pool })),
  });
});

describe.each(VIA)("by %s", (via) => {
  it("an answer without a body stays without one", async () => {
    const answer = await send(`/${via}/empty`);
    expect([answer.status, answer.text]).toEqual([204, ""]);
  });

  it("a body of undeclared length comes whole", async () => {
    const answer = await send(`/${via}/stream`);
    expect([answer.status, answer.text, answer.headers.get("Content-Length")]).toEqual([200, "first,second", null]);
  });

  it("hop-by-hop headers and what Connection names end here, the others do not", async () => {
    const answer = await send(`/${via}/hop`);
    expect([answer.status, answer.text]).toEqual([200, "ok"]);
    const names = ["Connection", "X-Hop", "Keep-Alive", "Proxy-Authenticate", "X-Kept"];
    expect(names.map((name) => answer.headers.get(name))).toEqual([null, null, null, null, "1"]);
  });

  it("the request's id is on every answer, the client's own where it is harmless", async () => {
    const asked = await send(`/${via}/empty`, { headers: { "X-Request-Id": "caller-0001" } });
    expect(asked.headers.get("X-Request-Id")).toBe("caller-0001");
    const replaced = await send(`/${via}/empty`, { headers: { "X-Request-Id": "a b" } });
    expect(replaced.headers.get("X-Request-Id")).toMatch(/^[0-9a-f-]{36}$/);
  });
});
