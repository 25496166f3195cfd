// One probe of one instance: what it sends, what it reads, and that nothing of it goes on after its deadline.

import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { probeInstance } from "../../src/instances/probe-instance.ts";
import type { CompiledInstance } from "../../src/policies/routing/compiled-config.ts";

const origin: CompiledInstance = {
  id: "a",
  weight: 1,
  features: [],
  target: { kind: "url", base: "http://a.test/base" },
};
const worker = (rpc: boolean): CompiledInstance => ({
  ...origin,
  target: { kind: "binding", binding: "AUTH_APP", rpc },
});

type Call = { readonly url: string; readonly init: RequestInit | undefined };
let calls: Call[];
let answer: (call: Call) => Response | Promise<Response>;
const paths = () => calls.map(({ url }) => new URL(url).pathname);

beforeEach(() => {
  calls = [];
  answer = () => new Response("ok");
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const call = { url: String(input), init };
    calls.push(call);
    return await answer(call);
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** A body of one chunk again and again, or of none ever. */
const streamOf = (chunk: string | undefined) => {
  const seen = { cancelled: false };
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      if (chunk === undefined) return new Promise(() => undefined);
      controller.enqueue(new TextEncoder().encode(chunk));
      return Promise.resolve();
    },
    cancel: () => {
      seen.cancelled = true;
    },
  });
  return { body, seen };
};

describe("a probe", () => {
  it("asks for /version, and for nothing else where that is answered with 2xx", async () => {
    answer = () => new Response('{"version":"7","uptime":3}');
    expect(await probeInstance(env, origin, { timeoutMs: 1_000 })).toMatchObject({
      status: 200,
      version: "7",
      uptime: 3,
    });
    expect(paths()).toEqual(["/base/version"]);
  });

  it("asks for /health where it is not, and tells what the last one said where none is", async () => {
    answer = ({ url }) => new Response(null, { status: url.endsWith("/health") ? 503 : 404 });
    expect(await probeInstance(env, origin, { timeoutMs: 1_000 })).toMatchObject({ status: 503 });
    expect(paths()).toEqual(["/base/version", "/base/health"]);
  });

  it("asks at the paths it is given, and at no other", async () => {
    answer = () => new Response(null, { status: 500 });
    await probeInstance(env, origin, { timeoutMs: 1_000, paths: ["/up"] });
    expect(paths()).toEqual(["/base/up"]);
  });

  it("follows no redirect", async () => {
    answer = () => new Response(null, { status: 302, headers: { Location: "http://inside.test/" } });
    expect(await probeInstance(env, origin, { timeoutMs: 1_000, paths: ["/up"] })).toMatchObject({ status: 302 });
    expect(calls.map(({ init }) => init?.redirect)).toEqual(["manual"]);
  });

  it.each([false, true])("reaches a Worker behind a binding, by RPC: %s", async (rpc) => {
    expect(await probeInstance(env, worker(rpc), { timeoutMs: 1_000, paths: ["/up"] })).toMatchObject({ status: 200 });
    const broken = await probeInstance(env, worker(rpc), { timeoutMs: 1_000, paths: ["/throw"] });
    expect(broken.status).toBeUndefined();
  });

  it("of an instance whose API key is not set sends nothing and finds no answer", async () => {
    const keyless = { ...origin, apiKeyEnv: "NO_SUCH_API_KEY" };
    expect((await probeInstance(env, keyless, { timeoutMs: 1_000 })).status).toBeUndefined();
    expect(calls).toEqual([]);
  });
});

describe("a body", () => {
  it("without end is left after its start, and counts as an answer", async () => {
    const { body, seen } = streamOf("x".repeat(1_000));
    answer = () => new Response(body);
    expect(await probeInstance(env, origin, { timeoutMs: 60_000 })).toMatchObject({ status: 200 });
    expect(seen.cancelled).toBe(true);
  });

  it("that never comes is given up at the deadline, and the answer counts by when it began", async () => {
    const { body, seen } = streamOf(undefined);
    answer = () => new Response(body);
    const { status, ms } = await probeInstance(env, origin, { timeoutMs: 100 });
    expect(status).toBe(200);
    expect(ms).toBeLessThan(90);
    await vi.waitUntil(() => seen.cancelled);
  });

  it("of an answer that is no 2xx is not read", async () => {
    const { body, seen } = streamOf("x");
    answer = () => new Response(body, { status: 500 });
    await probeInstance(env, origin, { timeoutMs: 1_000, paths: ["/up"] });
    expect(seen.cancelled).toBe(true);
  });
});

describe("at its deadline", () => {
  it("a probe aborts what has not answered", async () => {
    answer = () => new Promise(() => undefined);
    const { status, ms } = await probeInstance(env, origin, { timeoutMs: 100 });
    expect(status).toBeUndefined();
    expect(ms).toBeGreaterThanOrEqual(95);
    expect(calls[0]?.init?.signal?.aborted).toBe(true);
  });

  it.each([200, 404])(
    "a probe is over: a %d later changes nothing, is not read, and nothing more is asked",
    async (status) => {
      const { body, seen } = streamOf("x");
      const late = Promise.withResolvers<Response>();
      answer = () => late.promise;
      const probe = await probeInstance(env, origin, { timeoutMs: 100 });
      late.resolve(new Response(body, { status }));
      await vi.waitUntil(() => seen.cancelled);
      expect(paths()).toEqual(["/base/version"]);
      expect(probe.status).toBeUndefined();
    },
  );

  it("an answer that came before it counts, and leaves nothing under way either", async () => {
    const probe = await probeInstance(env, origin, { timeoutMs: 60_000 });
    expect(probe.status).toBe(200);
    expect(calls[0]?.init?.signal?.aborted).toBe(true);
  });
});
