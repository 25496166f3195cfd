// Which instances are tried for a request, how often, and what the client is told when none of them answers.

import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { configure, jsonOf, send } from "../http/send.ts";

const instances = (...bindings: string[]) =>
  bindings.map((binding) => ({ id: binding.toLowerCase().replace("_", "-"), binding }));

const THREE = ["AUTH_APP", "CONSOLE_APP", "PROFILE_APP"];

beforeAll(async () => {
  await configure({
    domain: "sonr.id",
    pools: {
      backends: { discover: "BACKEND_SERVICE" },
      nobody: { discover: "NO_SUCH_SERVICE" },
      half: {
        instances: [
          { id: "broken", url: "http://127.0.0.1:1" },
          { id: "sound", binding: "AUTH_APP" },
        ],
      },
      three: { instances: instances(...THREE) },
      two: { instances: instances(...THREE), retry: { attempts: 2 } },
      bold: { instances: instances(...THREE), retry: { nonIdempotent: true } },
      gone: { instances: [{ id: "gone", url: "http://127.0.0.1:1" }] },
      keys: {
        instances: [
          { id: "keyless", binding: "CONSOLE_APP", apiKeyEnv: "SHOP_API_KEY" },
          { id: "plain", binding: "AUTH_APP" },
        ],
      },
      first: { instances: [{ id: "first", binding: "BACKEND_SERVICE_1" }] },
      second: { instances: [{ id: "second", binding: "BACKEND_SERVICE_2" }] },
    },
    routes: ["backends", "nobody", "half", "three", "two", "bold", "gone", "keys", "first", "second"].map((pool) => ({
      id: pool,
      path: `/${pool}/*`,
      pool,
    })),
  });
});

/** Who failed, as the log tells it; what else goes wrong there is no part of these tests. */
let failed: string[];
beforeEach(() => {
  failed = [];
  vi.spyOn(console, "error").mockImplementation((line: unknown) => {
    const instance = /"msg":"Error communicating with backend worker ([^"]+)"/.exec(String(line))?.[1];
    if (instance !== undefined) failed.push(instance);
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

type Told = { app: string; via: string; thrown: number };
const told = async (path: string, sent = {}) => jsonOf(await send(path, sent)) as unknown as Told;

describe("200", () => {
  it("found backends are called by RPC, each in its turn (R19, R20)", async () => {
    const said = [];
    for (let i = 0; i < 4; i++) said.push(await told("/backends/page"));
    expect(said.map(({ via }) => via)).toEqual(["rpc", "rpc", "rpc", "rpc"]);
    expect(said.map(({ app }) => app).toSorted()).toEqual([1, 1, 2, 2].map((number) => `my-backend-worker-${number}`));
  });

  it.each(["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])(
    "a %s that one instance fails is answered by the next (R27, R28)",
    async (method) => {
      for (let i = 0; i < 4; i++) expect((await send("/half/page", { method })).status).toBe(200);
      expect(new Set(failed)).toEqual(failed.length === 0 ? new Set() : new Set(["broken"]));
    },
  );

  it("a body that is sent again is the same body", async () => {
    for (let i = 0; i < 3; i++) {
      const headers = { "Content-Length": "5" };
      expect(await told("/half/page", { method: "PUT", body: "again", headers })).toMatchObject({ body: "again" });
    }
  });

  it("an instance that has just failed is passed over at first, so a POST that may not be resent gets through", async () => {
    await send("/half/page");
    await send("/half/page");
    failed = [];
    for (let i = 0; i < 4; i++) expect((await send("/half/page", { body: "once" })).status).toBe(200);
    expect(failed).toEqual([]);
  });

  it("an instance whose API key is not set is passed over, also for a POST: nothing was sent to it", async () => {
    for (let i = 0; i < 4; i++) expect(await told("/keys/page", { body: "once" })).toMatchObject({ app: "motr-auth" });
    const vars = { SHOP_API_KEY: "set by now" };
    const apps = new Set<string>();
    for (let i = 0; i < 4; i++) apps.add((await told("/keys/page", { body: "once", vars })).app);
    expect([...apps].toSorted()).toEqual(["motr-auth", "motr-console"]);
  });
});

describe("500", () => {
  it("nothing discovered is document 001's text and nothing else (R18)", async () => {
    const answer = await send("/nobody/page", { headers: { Accept: "text/html" } });
    expect([answer.status, answer.text]).toEqual([500, "No backend workers configured or discovered."]);
    expect(answer.headers.get("Content-Type")).toMatch(/^text\/plain/);
    expect(failed).toEqual([]);
  });
});

describe("502", () => {
  it("every instance is tried once, and no more often than that", async () => {
    const answer = await send("/three/throw");
    expect([answer.status, jsonOf(answer).code]).toEqual([502, "upstream_failed"]);
    expect(failed.toSorted()).toEqual(["auth-app", "console-app", "profile-app"]);
  });

  it("a pool's attempts are the most", async () => {
    expect((await send("/two/throw")).status).toBe(502);
    expect(new Set(failed).size).toBe(2);
    expect(failed).toHaveLength(2);
  });

  it("a POST is sent once (R28)", async () => {
    const answer = await send("/three/throw", { body: "once" });
    expect([answer.status, jsonOf(answer).code]).toEqual([502, "upstream_failed"]);
    expect(failed).toHaveLength(1);
  });

  it.each([
    ["carries an idempotency key", "/three/throw", { "Idempotency-Key": "k1" }],
    ["takes a route that allows it", "/bold/throw", {}],
  ])("a POST that %s goes on to every instance", async (_, path, headers) => {
    expect((await send(path, { body: "again", headers: { "Content-Length": "5", ...headers } })).status).toBe(502);
    expect(failed).toHaveLength(3);
  });

  it("a POST whose idempotency key ends at this hop is sent once", async () => {
    const headers = { "Content-Length": "5", "Idempotency-Key": "k1", Connection: "idempotency-key" };
    expect((await send("/three/throw", { body: "again", headers })).status).toBe(502);
    expect(failed).toHaveLength(1);
  });

  it("a PUT whose body is not declared can be sent once only", async () => {
    const body = new Blob(["streamed"]).stream();
    expect((await send("/three/throw", { method: "PUT", body })).status).toBe(502);
    expect(failed).toHaveLength(1);
  });

  it("a bound Worker that answers with what is no response has failed", async () => {
    expect((await send("/three/nonsense")).status).toBe(502);
    expect(failed).toHaveLength(3);
  });

  it("so has one that is called by RPC and may return anything", async () => {
    expect((await send("/backends/nonsense")).status).toBe(503);
    expect(failed).toHaveLength(2);
  });

  it("says nothing of what the instance threw", async () => {
    const answer = await send("/gone/page");
    expect(answer.status).toBe(502);
    expect(answer.text).not.toMatch(/127\.0\.0\.1|connection/i);
    expect((await send("/three/throw")).text).not.toContain("the backend broke");
  });
});

describe("503", () => {
  it("found backends that all fail are tried once each and answered in document 001's words (R21, R28, R31)", async () => {
    const answer = await send("/backends/throw", { headers: { Accept: "text/html" } });
    expect([answer.status, answer.text]).toEqual([
      503,
      "Service Unavailable: All backend workers failed or are unreachable.",
    ]);
    expect(answer.headers.get("Content-Type")).toMatch(/^text\/plain/);
    expect(failed.toSorted()).toEqual(["BACKEND_SERVICE_1", "BACKEND_SERVICE_2"]);
  });

  it("a POST that a found backend fails is not resent, in the same words", async () => {
    const answer = await send("/backends/throw", { body: "once" });
    expect([answer.status, answer.text]).toEqual([
      503,
      "Service Unavailable: All backend workers failed or are unreachable.",
    ]);
    expect(failed).toHaveLength(1);
  });

  it("a backend that throws is counted as often as it was really called", async () => {
    const before = await thrownBy();
    await send("/backends/throw");
    await send("/backends/throw", { body: "once" });
    expect((await thrownBy()) - before).toBe(3);
  });

  /** What both backends count themselves, each asked directly. */
  const thrownBy = async (): Promise<number> =>
    (await told("/first/page")).thrown + (await told("/second/page")).thrown;
});
