// The configuration's schema: what it takes, and every place it names in what it does not.

import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { ConfigDocument } from "../../src/contracts/config.ts";
import { listProblems } from "../../src/contracts/problems.ts";

const pathsOf = (document: unknown): string[] => {
  const parsed = v.safeParse(ConfigDocument, document);
  return parsed.success ? [] : listProblems(parsed.issues).map(({ path }) => path);
};
const route = (fields: object) => ({ routes: [{ id: "r", pool: "p", ...fields }] });
const instance = (fields: object) => ({ pools: { p: { instances: [{ id: "a", ...fields }] } } });
const pool = (fields: object) => ({ pools: { p: fields } });
const limit = (fields: object) => ({ limits: { l: { key: "ip", ...fields } } });

it("takes every field of the design's example", () => {
  const document = {
    domain: "sonr.id",
    sessionFreshnessMs: 1000,
    configFreshnessMs: 2000,
    log: { sampleRate: 1 },
    pools: {
      console: { instances: [{ id: "console-1", binding: "CONSOLE_APP" }] },
      backends: { discover: "BACKEND_SERVICE" },
      api: {
        exposed: true,
        strategy: "least-connections",
        instances: [
          {
            id: "api-1",
            url: "http://10.0.0.1:3001",
            weight: 2,
            region: "US Chicago",
            features: ["WebSocket"],
            apiKeyEnv: "BACKEND_API_KEY",
          },
          { id: "api-2", binding: "API_TWO", rpc: true },
        ],
        health: { path: "/health", intervalMs: 30000, timeoutMs: 5000, retries: 3, alertThreshold: 2 },
        retry: { attempts: 3 },
      },
    },
    routes: [
      { id: "console-host", host: "console.*", pool: "console" },
      { id: "console-path", host: "@", path: "/console/*", pool: "console", stripPrefix: false },
      { id: "chat", path: "/api/chat", pool: "api", auth: "required", limits: ["chat"], timeoutMs: 300000 },
      { id: "signed-in", host: "@", session: { authenticated: true, defaultApp: "profile" }, pool: "console" },
      { id: "anyone", pool: "backends" },
    ],
    limits: { chat: { key: "user", limit: 100, windowMs: 3600000, onError: "open" } },
  };
  expect(v.parse(ConfigDocument, document)).toEqual(document);
});

describe("the schema", () => {
  it.each<[unknown]>([
    [{}],
    [{ domain: "localhost" }],
    [{ domain: "a-b.c_d.io" }],
    [{ sessionFreshnessMs: 0 }],
    [{ sessionFreshnessMs: 60_000 }],
    [{ configFreshnessMs: 50 }],
    [{ log: { sampleRate: 0 } }],
    [{ pools: { a: {}, "A-1.b_c": {} } }],
    [instance({ weight: 1_000 })],
    [route({ priority: -1_000, timeoutMs: 10, bodyBytesMax: 0 })],
    [route({ session: {} })],
    [route({ hedge: {} })],
    [route({ hedge: { afterMs: 1, share: 0.02 } })],
    [pool({ breaker: { failureShare: 1, minRequests: 1, windowMs: 1_000, openMs: 500, trials: 100 } })],
    [pool({ autoscale: { min: 1, max: 1_000, stableMs: 2_000, panicMs: 1_000, downDelayMs: 0 } })],
    [limit({ limit: 1, windowMs: 1_000 })],
    [limit({ concurrency: 5, leaseMs: 60_000 })],
    [limit({ concurrency: 5 })],
    [limit({ key: "user+repository+header:x-team", limit: 1, windowMs: 1_000, overrides: { "user:1": { limit: 2 } } })],
  ])("takes %j", (document) => {
    expect(pathsOf(document)).toEqual([]);
  });

  it.each<[unknown, string[]]>([
    [[], [""]],
    [{ pools: [] }, ["pools"]],
    [{ routes: {} }, ["routes"]],
    [{ log: [] }, ["log"]],
    [{ a: 1, b: 2 }, ["a", "b"]],
    [{ domain: "A.io" }, ["domain"]],
    [{ domain: "a.io:80" }, ["domain"]],
    [{ domain: "-a.io" }, ["domain"]],
    [{ sessionFreshnessMs: 60_001 }, ["sessionFreshnessMs"]],
    [{ sessionFreshnessMs: -1 }, ["sessionFreshnessMs"]],
    [{ configFreshnessMs: 49 }, ["configFreshnessMs"]],
    [{ log: { sampleRate: 1.01 } }, ["log.sampleRate"]],
    [{ pools: { "a b": {} } }, ['pools["a b"]']],
    [{ pools: { p: { strategy: "random" } } }, ["pools.p.strategy"]],
    [instance({ weight: -1 }), ["pools.p.instances[0].weight"]],
    [instance({ priority: -1, backup: 1 }), ["priority", "backup"].map((key) => `pools.p.instances[0].${key}`)],
    [{ pools: { p: { hash: { key: "cookie" }, slowStartMs: 300_001 } } }, ["pools.p.hash.key", "pools.p.slowStartMs"]],
    [
      instance({ weight: 1.5, colour: 1, size: 2 }),
      ["weight", "colour", "size"].map((key) => `pools.p.instances[0].${key}`),
    ],
    [instance({ binding: "NOT OK" }), ["pools.p.instances[0].binding"]],
    [route({ priority: 1_001 }), ["routes[0].priority"]],
    [route({ path: "a" }), ["routes[0].path"]],
    [route({ path: "/é" }), ["routes[0].path"]],
    [route({ auth: "maybe" }), ["routes[0].auth"]],
    [route({ session: { defaultApp: "enclave" } }), ["routes[0].session.defaultApp"]],
    [route({ retry: { attempts: 0 } }), ["routes[0].retry.attempts"]],
    [route({ retry: null }), ["routes[0].retry"]],
    [{ routes: [{ id: "r" }] }, ["routes[0].pool"]],
    [route({ hedge: { share: 0.021 } }), ["routes[0].hedge.share"]],
    [route({ hedge: { afterMs: 0, after: 1 } }), ["routes[0].hedge.afterMs", "routes[0].hedge.after"]],
    [pool({ breaker: { failureShare: 0 } }), ["pools.p.breaker.failureShare"]],
    [pool({ breaker: { windowMs: 999, openMs: 499 } }), ["pools.p.breaker.windowMs", "pools.p.breaker.openMs"]],
    [pool({ autoscale: {} }), ["pools.p.autoscale.min", "pools.p.autoscale.max"]],
    [pool({ autoscale: { min: 0, max: 2 } }), ["pools.p.autoscale.min"]],
    [pool({ autoscale: { min: 1, max: 2, target: { cpu: 80 } } }), ["pools.p.autoscale.target.cpu"]],
    [limit({}), ["limits.l"]],
    [limit({ limit: 1 }), ["limits.l"]],
    [limit({ limit: 1, windowMs: 1_000, concurrency: 1 }), ["limits.l"]],
    [limit({ limit: 1, concurrency: 1 }), ["limits.l"]],
    [limit({ limit: 1, windowMs: 1_000, leaseMs: 1_000 }), ["limits.l"]],
    [limit({ key: "shoe", limit: 1, windowMs: 1_000 }), ["limits.l.key"]],
    [limit({ limit: 0, windowMs: 1_000 }), ["limits.l.limit"]],
    [limit({ limit: 1, windowMs: 999 }), ["limits.l.windowMs"]],
    [limit({ limit: 1, windowMs: 31 * 86_400_000 + 1 }), ["limits.l.windowMs"]],
    [limit({ limit: 4, windowMs: 1_000, cost: 5 }), ["limits.l.cost"]],
    [limit({ concurrency: 10_001 }), ["limits.l.concurrency"]],
    [limit({ concurrency: 1, overrides: { alice: { limit: 10_001 } } }), ["limits.l.overrides"]],
    [{ pools: Object.fromEntries(Array.from({ length: 501 }, (_, n) => [`p${n}`, {}])) }, ["pools"]],
  ])("refuses %j", (document, paths) => {
    expect(pathsOf(document)).toEqual(paths);
  });
});
