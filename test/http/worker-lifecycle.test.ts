// Workers stopped, drained, started and restarted through the exported handler; what is refused, and what the audit log keeps.

import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { configure, downObject, jsonOf, type Sent, send, sendAsAdmin } from "./send.ts";

const POOLS = ["alone", "pair", "found", "hooked", "rolled"];

beforeAll(() =>
  configure({
    pools: {
      alone: { instances: [{ id: "only", binding: "AUTH_APP" }] },
      pair: {
        instances: [
          { id: "p1", binding: "AUTH_APP" },
          { id: "p2", binding: "CONSOLE_APP" },
        ],
      },
      found: { discover: "BACKEND_SERVICE" },
      rolled: {
        instances: ["r1", "r2", "r3"].map((id) => ({
          id,
          url: `http://${id}.test`,
          restartUrl: `http://${id}.test/restart`,
        })),
      },
      hooked: {
        instances: [
          { id: "h1", url: "http://h1.test", restartUrl: "http://h1.test/restart?now", apiKeyEnv: "BACKEND_API_KEY" },
        ],
      },
    },
    routes: POOLS.map((pool) => ({ id: pool, path: `/${pool}/*`, pool })),
  }),
);
afterEach(async () => {
  vi.restoreAllMocks();
  for (const name of POOLS) await act(name, "start");
});

const act = (name: string, action: string, sent: Sent = {}) =>
  sendAsAdmin(`/admin/workers/${name}/${action}`, { method: "POST", ...sent });
const outcomes = async (name: string, action: string, sent?: Sent) => {
  const answer = await act(name, action, sent);
  expect([answer.status, answer.text]).toEqual([200, answer.text]);
  return jsonOf(answer).workers as Record<string, unknown>[];
};
const appOf = async (path: string) => jsonOf(await send(path)).app;

describe("stop", () => {
  it("takes every instance of a pool out once nothing is in flight, and 503 no_instance is answered until start", async () => {
    expect((await send("/alone/x")).status).toBe(200);
    expect(await outcomes("alone", "stop")).toEqual([
      { worker: "alone:only", state: "out", inFlight: 0, drained: true },
    ]);
    const refused = await send("/alone/x");
    expect([refused.status, jsonOf(refused).code]).toEqual([503, "no_instance"]);
    const asked = { body: { url: "http://localhost/alone/x" } };
    expect(jsonOf(await sendAsAdmin("/api/super/explain", asked))).toMatchObject({
      outcome: "refuse",
      code: "no_instance",
      pool: { instances: [{ id: "only", state: "out" }] },
    });
    expect(await outcomes("alone", "start")).toEqual([{ worker: "alone:only", state: "in", inFlight: 0 }]);
    await vi.waitFor(async () => expect((await send("/alone/x")).status).toBe(200), { timeout: 5_000 });
  });

  it("of one instance leaves the others serving, and is told of", async () => {
    await outcomes("pair:p1", "stop");
    const apps = await Promise.all(Array.from({ length: 6 }, () => appOf("/pair/x")));
    expect(new Set(apps)).toEqual(new Set(["motr-console"]));
    const { pools } = jsonOf(await sendAsAdmin("/admin/workers")) as { pools: { name: string; instances: object[] }[] };
    expect(pools.find(({ name }) => name === "pair")?.instances).toMatchObject([
      { id: "p1", status: "out" },
      { id: "p2", status: "registered" },
    ]);
  });

  it("of all that was discovered is no pool without backends: 503 no_instance, not document 001's 500", async () => {
    await outcomes("found", "stop");
    expect(jsonOf(await send("/found/x"))).toMatchObject({ status: 503, code: "no_instance" });
  });

  it("twice, and after a drain, is the same; a drained instance is draining until somebody says otherwise", async () => {
    expect(await outcomes("pair:p1", "drain")).toMatchObject([{ state: "draining", drained: true }]);
    expect(await outcomes("pair:p1", "drain")).toMatchObject([{ state: "draining" }]);
    const both = await Promise.all([outcomes("pair:p1", "stop"), outcomes("pair:p1", "stop")]);
    expect(both).toMatchObject([[{ state: "out", drained: true }], [{ state: "out", drained: true }]]);
  });

  it("says at its deadline what is left, and that another change came between where one did", async () => {
    const slow = send("/pair/slow");
    await vi.waitFor(async () => {
      const { pools } = jsonOf(await sendAsAdmin("/balancer/status")) as { pools: { inFlight: object }[] };
      expect(pools[1]?.inFlight).toMatchObject({});
      expect(Object.keys(pools[1]?.inFlight ?? {})).toHaveLength(1);
    });
    const left = await outcomes("pair", "stop", { body: { deadlineMs: 0 } });
    expect(left.map(({ drained }) => drained)).toEqual([false, false]);
    await outcomes("pair", "start");
    const stopping = outcomes("pair", "stop");
    await outcomes("pair", "start");
    expect((await stopping).some(({ overtaken, state }) => overtaken === true && state === "in")).toBe(true);
    expect((await slow).status).toBe(200);
  });
});

describe("restart", () => {
  it("of a Worker takes it out, probes it, puts it in, and says that nothing but that was done", async () => {
    expect(await outcomes("pair", "restart")).toEqual([
      { worker: "pair:p1", state: "in", inFlight: 0, drained: true, restarted: "rotation" },
      { worker: "pair:p2", state: "in", inFlight: 0, drained: true, restarted: "rotation" },
    ]);
  });

  it("of an instance with a hook calls that with its key, and waits until it answers again", async () => {
    const calls: [string, string | null][] = [];
    let probes = 0;
    vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
      calls.push([String(input), new Headers(init?.headers).get("x-api-key")]);
      if (init?.method === "POST") return new Response(null, { status: 202 });
      if (++probes < 4) throw new Error("refused");
      return new Response("{}");
    });
    expect(await outcomes("hooked", "restart")).toMatchObject([{ state: "in", restarted: "process" }]);
    expect(calls[0]).toEqual(["http://h1.test/restart?now", "test-backend-key"]);
    expect(probes).toBe(4);
  });

  it("of a pool takes its instances in their order, also past one that was stopped", async () => {
    await outcomes("pair:p2", "stop");
    expect((await outcomes("pair", "restart")).map(({ worker, state }) => [worker, state])).toEqual([
      ["pair:p1", "in"],
      ["pair:p2", "in"],
    ]);
  });

  it("begun again meanwhile is the later one's: the earlier neither puts the instance in nor goes on with the next", async () => {
    const hooks: (() => void)[] = [];
    vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
      if (init?.method === "POST") await new Promise<void>((resolve) => void hooks.push(resolve));
      return new Response(String(input));
    });
    const earlier = outcomes("rolled", "restart");
    await vi.waitFor(() => expect(hooks).toHaveLength(1));
    hooks[0]?.();
    await vi.waitFor(() => expect(hooks).toHaveLength(2));
    const later = outcomes("rolled", "restart");
    await vi.waitFor(() => expect(hooks).toHaveLength(3));
    hooks[1]?.();
    expect(await earlier).toMatchObject([
      { worker: "rolled:r1", state: "in" },
      { worker: "rolled:r2", overtaken: true },
    ]);
    const asked = { body: { url: "http://localhost/rolled/x" } };
    expect(jsonOf(await sendAsAdmin("/api/super/explain", asked))).toMatchObject({
      pool: { instances: [{ id: "r1" }, { id: "r2", state: "out" }, { id: "r3" }] },
    });
    for (const hook of [2, 3, 4]) {
      await vi.waitFor(() => expect(hooks.length).toBeGreaterThan(hook));
      hooks[hook]?.();
    }
    expect((await later).map(({ worker, state }) => [worker, state])).toEqual([
      ["rolled:r2", "in"],
      ["rolled:r1", "in"],
      ["rolled:r3", "in"],
    ]);
  });

  it("whose instance somebody else puts in meanwhile says so, and neither that it failed nor goes on with the next", async () => {
    const hooks: ((status: number) => void)[] = [];
    vi.spyOn(globalThis, "fetch").mockImplementation(async (_, init) => {
      const status = init?.method === "POST" ? await new Promise<number>((resolve) => void hooks.push(resolve)) : 200;
      return new Response(null, { status });
    });
    for (const status of [200, 500]) {
      const restarting = outcomes("rolled", "restart");
      await vi.waitFor(() => expect(hooks).toHaveLength(1));
      await outcomes("rolled:r1", "start");
      hooks.pop()?.(status);
      const [only, next] = await restarting;
      expect(only).toMatchObject({ worker: "rolled:r1", state: "in", overtaken: true });
      expect([only?.failure, next]).toEqual([undefined, undefined]);
    }
  });

  it.each([
    ["hook fails", async () => new Response(null, { status: 500 }), "its restart hook answered 500"],
    [
      "probe fails",
      async (_: unknown, init?: RequestInit) => new Response(null, { status: init?.method === "POST" ? 200 : 503 }),
      "it answered its probe with 503",
    ],
  ])("leaves an instance out whose %s, and says so: 502 restart_failed", async (_, answer, why) => {
    vi.spyOn(globalThis, "fetch").mockImplementation(answer);
    const failed = await act("hooked", "restart", { body: { deadlineMs: 300 } });
    expect([failed.status, jsonOf(failed)]).toMatchObject([
      502,
      { code: "restart_failed", workers: [{ worker: "hooked:h1", state: "out", failure: why }] },
    ]);
    expect((await send("/hooked/x")).status).toBe(503);
  });
});

describe("a change of a worker", () => {
  it("is written to the audit log, and done all the same while that can't be", async () => {
    await act("alone", "drain", { body: { deadlineMs: 1_000 } });
    const { rows } = jsonOf(await sendAsAdmin("/api/super/audit?limit=1000")) as { rows: object[] };
    expect(rows).toContainEqual(
      expect.objectContaining({
        action: "worker.drain",
        actor: "admin",
        subject: "alone",
        detail: { deadlineMs: 1_000 },
      }),
    );
  });

  it.each([
    [404, "unknown_worker", "nobody", {}],
    [404, "unknown_worker", "pair:p3", {}],
    [404, "unknown_worker", "pair:", {}],
    [404, "unknown_worker", "%E0%A4%A", {}],
    [400, "invalid_body", "pair", { body: { deadlineMs: 300_001 } }],
    [400, "invalid_body", "pair", { body: { deadlineMs: -1 } }],
    [400, "invalid_body", "pair", { body: { deadline: 1 } }],
    [400, "invalid_query", "pair?deadlineMs=soon", {}],
  ])("is %i %s for %s", async (status, code, name, sent) => {
    const [worker, query] = name.split("?");
    const where = `/admin/workers/${worker}/stop${query === undefined ? "" : `?${query}`}`;
    const refused = await sendAsAdmin(where, { method: "POST", ...sent });
    expect([refused.status, jsonOf(refused).code]).toEqual([status, code]);
  });

  it("is 401 for who is no operator, 405 for another method, 503 while the registry is down", async () => {
    const wrong = { method: "POST", headers: { "X-Admin-Secret": "wrong" } };
    expect((await send("/admin/workers/pair/stop", wrong)).status).toBe(401);
    const refused = await sendAsAdmin("/admin/workers/pair/stop");
    expect([refused.status, refused.headers.get("Allow")]).toEqual([405, "POST"]);
    expect((await sendAsAdmin("/admin/workers/pair/smash", { method: "POST" })).status).toBe(404);
    const down = { REGISTRY: downObject(Object.assign(new Error("down"), { retryable: true })) };
    expect((await act("pair", "stop", { vars: down })).status).toBe(503);
  });
});
