// What a document becomes: the problems that refuse it, the warnings that do not, and what the data plane gets to read.

import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { STRATEGIES } from "../../../src/contracts/balancing-config.ts";
import type { BindingKind } from "../../../src/contracts/bindings.ts";
import { ConfigDocument } from "../../../src/contracts/config.ts";
import { compileConfig } from "../../../src/policies/routing/compile-config.ts";
import type { CompiledConfig, CompiledRoute } from "../../../src/policies/routing/compiled-config.ts";

const BINDINGS: [string, BindingKind][] = [
  ["APP", "service"],
  ["TEXT", "text"],
  ["CONTROL", "other"],
  ["BACKEND_API_KEY", "text"],
  ["BACKEND_SERVICE_2", "service"],
  ["BACKEND_SERVICE_7", "service"],
  ["BACKEND_SERVICE_8", "text"],
  ["BACKEND_SERVICE_100", "service"],
  ["BACKEND_SERVICE_101", "service"],
];
const compile = (document: unknown) =>
  compileConfig({ version: 3, document: v.parse(ConfigDocument, document), bindings: new Map(BINDINGS) });
const problemsOf = (document: unknown) => compile(document).problems.map(({ path }) => path);
/** In the order in which they are tried. */
const routesOf = ({ table }: CompiledConfig): CompiledRoute[] => {
  const tables = [table.anyHost, ...table.exactHosts.values(), ...table.wildcardHosts.values()];
  const listed = tables.flatMap(({ exact, prefixes, any }) => [...exact.values(), ...prefixes.values(), any].flat());
  return [...new Set(listed)].toSorted((a, b) => a.rank - b.rank);
};
const warningsOf = (document: unknown) => compile(document).warnings.map(({ path }) => path);

const app = { instances: [{ id: "a", binding: "APP" }] };
const withInstance = (instance: object) => ({ pools: { p: { instances: [{ id: "a", ...instance }] } } });
const withRoutes = (...routes: object[]) => ({
  domain: "d.io",
  pools: { p: app },
  routes: routes.map((route, index) => ({ id: `r${index}`, pool: "p", ...route })),
});

describe("an instance", () => {
  it.each([
    [{ binding: "APP" }, { kind: "binding", binding: "APP", rpc: false }],
    [
      { binding: "APP", rpc: true },
      { kind: "binding", binding: "APP", rpc: true },
    ],
    [{ url: "http://10.0.0.1:3001" }, { kind: "url", base: "http://10.0.0.1:3001" }],
    [{ url: "https://H.example/" }, { kind: "url", base: "https://h.example" }],
    [
      { url: "https://h.example/base/v1/", rpc: false },
      { kind: "url", base: "https://h.example/base/v1" },
    ],
  ])("%j is called at its target", (instance, target) => {
    const { config, problems } = compile(withInstance(instance));
    expect(problems).toEqual([]);
    expect(config.pools.get("p")?.instances.map((compiled) => compiled.target)).toEqual([target]);
  });

  it.each<[object, string]>([
    [{}, "pools.p.instances[0]"],
    [{ binding: "APP", url: "http://h" }, "pools.p.instances[0]"],
    [{ binding: "MISSING" }, "pools.p.instances[0].binding"],
    [{ binding: "TEXT" }, "pools.p.instances[0].binding"],
    [{ binding: "CONTROL" }, "pools.p.instances[0].binding"],
    [{ url: "http://h", rpc: true }, "pools.p.instances[0].rpc"],
    ...[
      "ftp://h",
      "h.example",
      "//h",
      "http://",
      "http:///x",
      "http://u@h",
      "http://u:p@h",
      "http://h?q",
      "http://h/#f",
      "http://h/a/../b",
      "http://h/%2E%2e/b",
      "http://h\\x",
      "http://h:99999",
      "http://a b",
      "javascript:alert(1)",
    ].map((url): [object, string] => [{ url }, "pools.p.instances[0].url"]),
    [{ binding: "APP", apiKeyEnv: "ADMIN_SECRET" }, "pools.p.instances[0].apiKeyEnv"],
    [{ binding: "APP", apiKeyEnv: "SESSION_KEYS" }, "pools.p.instances[0].apiKeyEnv"],
    [{ binding: "APP", apiKeyEnv: "ORCHESTRATOR_API_KEY" }, "pools.p.instances[0].apiKeyEnv"],
    [{ binding: "APP", apiKeyEnv: "BACKEND_API_KEY_OLD" }, "pools.p.instances[0].apiKeyEnv"],
  ])("%j is refused and left out", (instance, path) => {
    expect(problemsOf(withInstance(instance))).toEqual([path]);
    expect(compile(withInstance(instance)).config.pools.get("p")?.instances).toEqual([]);
  });

  it("keeps weight, region, type, name, features and the variable of its key", () => {
    const details = {
      weight: 1,
      region: "US",
      type: "oracle",
      name: "A",
      features: ["SSE"],
      apiKeyEnv: "BACKEND_API_KEY",
    };
    const { config, warnings } = compile(withInstance({ binding: "APP", ...details }));
    expect(config.pools.get("p")?.instances[0]).toMatchObject({ id: "a", ...details });
    expect(warnings).toEqual([]);
  });

  it("whose key is not set is kept, with a warning", () => {
    const document = withInstance({ binding: "APP", apiKeyEnv: "OTHER_API_KEY" });
    expect(problemsOf(document)).toEqual([]);
    expect(warningsOf(document)).toEqual(["pools.p.instances[0].apiKeyEnv"]);
    expect(compile(document).config.pools.get("p")?.instances).toHaveLength(1);
  });

  it("may not share its id within its pool, but with another pool's", () => {
    const twice = { instances: [...app.instances, ...app.instances] };
    expect(problemsOf({ pools: { p: twice } })).toEqual(["pools.p.instances[1].id"]);
    expect(compile({ pools: { p: twice } }).config.pools.get("p")?.instances).toHaveLength(1);
    expect(problemsOf({ pools: { p: app, q: app } })).toEqual([]);
  });
});

describe("a pool", () => {
  it("has either instances or discovery", () => {
    expect(problemsOf({ pools: { p: {} } })).toEqual(["pools.p"]);
    expect(problemsOf({ pools: { p: { ...app, discover: "BACKEND_SERVICE" } } })).toEqual(["pools.p"]);
    expect(problemsOf({ pools: { p: { instances: [] } } })).toEqual([]);
  });

  it("finds PREFIX_1 to PREFIX_100 by discovery, over gaps, services only, called by RPC (R14, R16)", () => {
    const { config, problems } = compile({ pools: { p: { discover: "BACKEND_SERVICE" } } });
    const pool = config.pools.get("p");
    expect(problems).toEqual([]);
    expect(pool?.discovered).toBe(true);
    expect(pool?.instances.map(({ id, target }) => [id, target])).toEqual(
      ["BACKEND_SERVICE_2", "BACKEND_SERVICE_7", "BACKEND_SERVICE_100"].map((binding) => [
        binding,
        { kind: "binding", binding, rpc: true },
      ]),
    );
  });

  it("that discovers nothing is no problem, whoever uses it (R18)", () => {
    const pools = { p: { discover: "NOTHING", exposed: true } };
    expect(problemsOf({ pools, routes: [{ id: "r", pool: "p" }] })).toEqual([]);
    expect(compile({ pools }).config.pools.get("p")).toMatchObject({ discovered: true, instances: [] });
  });

  it("without instances is refused where a route needs one (L09)", () => {
    const pools = { p: { instances: [] } };
    expect(problemsOf({ pools, routes: [{ id: "r", pool: "p" }] })).toEqual(["routes[0].pool"]);
    expect(problemsOf({ pools, routes: [{ id: "r", pool: "p", backendRequired: true }] })).toEqual(["routes[0].pool"]);
    expect(problemsOf({ pools, routes: [{ id: "r", pool: "p", backendRequired: false }] })).toEqual([]);
    expect(problemsOf({ pools: { p: { instances: [], exposed: true } } })).toEqual(["pools.p.instances"]);
  });

  it.each(["admin", "balancer", "discovery", "health", "metrics", "metrics2", "version"])(
    "named %s can't be exposed",
    (name) => {
      expect(problemsOf({ pools: { [name]: { ...app, exposed: true } } })).toEqual([`pools.${name}.exposed`]);
      expect(problemsOf({ pools: { [name]: app } })).toEqual([]);
    },
  );

  it("that is exposed brings its route along", () => {
    const { config } = compile({ pools: { api: { ...app, exposed: true }, other: app } });
    expect(routesOf(config).map(({ id, path, stripLength }) => [id, path, stripLength])).toEqual([
      ["exposed:api", "/api/*", 0],
    ]);
  });

  it("is warned of weights under round-robin, which does not go by them; 1 says nothing new", () => {
    const weighing = (weight: number) => withInstance({ binding: "APP", weight });
    expect(warningsOf(weighing(2))).toEqual(["pools.p.instances[0].weight"]);
    expect(warningsOf(weighing(1))).toEqual([]);
    const weighted = { strategy: "weighted", instances: [{ id: "a", binding: "APP", weight: 2 }] };
    expect(warningsOf({ pools: { p: weighted } })).toEqual([]);
  });

  it.each(STRATEGIES)("behaves as it says: %s", (strategy) => {
    const { config, warnings } = compile({ pools: { p: { ...app, strategy } } });
    expect([config.pools.get("p")?.strategy, warnings]).toEqual([strategy, []]);
  });

  it("starts instances slowly where it goes by load, unless it says otherwise", () => {
    const slowStart = (pool: object) =>
      compile({ pools: { p: { ...app, ...pool } } }).config.pools.get("p")?.slowStartMs;
    expect(slowStart({})).toBe(0);
    expect(slowStart({ strategy: "least-connections" })).toBe(30_000);
    expect(slowStart({ strategy: "least-connections", slowStartMs: 0 })).toBe(0);
    expect(slowStart({ slowStartMs: 5_000 })).toBe(5_000);
  });

  it("keeps requests of a session together by hash unless it names something else, and is warned where it can't", () => {
    const keyOf = (pool: object) => compile({ pools: { p: { ...app, ...pool } } }).config.pools.get("p")?.hashKey;
    expect(keyOf({ strategy: "hash" })).toEqual({ kind: "session" });
    expect(keyOf({ strategy: "hash", hash: { key: "header:x-tenant" } })).toEqual({ kind: "header", name: "x-tenant" });
    expect(keyOf({})).toBeUndefined();
    expect(warningsOf({ pools: { p: { ...app, hash: { key: "user" } } } })).toEqual(["pools.p.hash"]);
  });
});

describe("tries per request", () => {
  const attempts = (pool: object = {}, route: object = {}) => {
    const many = Array.from({ length: 2 }, (_, index) => ({ id: `i${index}`, binding: "APP" }));
    const document = { pools: { p: { instances: many, ...pool } }, routes: [{ id: "r", pool: "p", ...route }] };
    return routesOf(compile(document).config)[0]?.attemptsMax;
  };

  it("are 3 unless somebody says otherwise, the route before the pool; instances there are fewer of may yet register", () => {
    expect(attempts()).toBe(3);
    expect(attempts({ retry: { attempts: 4 } })).toBe(4);
    expect(attempts({ retry: { attempts: 4 } }, { retry: { attempts: 1 } })).toBe(1);
    expect(attempts({}, { retry: { attempts: 16 } })).toBe(16);
  });

  it("are all backends of a discovered pool, up to 16 (R28)", () => {
    const document = { pools: { p: { discover: "B" } } };
    const { config } = compileConfig({ version: 1, document, bindings: new Map([["B_1", "service"]]) });
    expect(config.pools.get("p")?.attemptsMax).toBe(16);
  });
});

describe("registration", () => {
  it("lets a pool be without instances, for 30 s a heartbeat unless it says so, and its routes have somewhere to lead", () => {
    const routes = [{ id: "r", path: "/x", pool: "p" }];
    const open = compile({ pools: { p: { registration: {} }, q: { ...app, registration: { ttlMs: 5_000 } } }, routes });
    expect([open.problems, open.warnings]).toEqual([[], []]);
    expect(open.config.pools.get("p")).toMatchObject({ instances: [], registrationTtlMs: 30_000 });
    expect(open.config.pools.get("q")).toMatchObject({ instances: [{}], registrationTtlMs: 5_000 });
  });

  it("is no excuse for a restart hook that can't be called", () => {
    const hooked = (restartUrl: string) =>
      compile({ pools: { p: { instances: [{ id: "a", url: "http://a.test", restartUrl }] } } });
    expect(hooked("http://a.test/restart?now").config.pools.get("p")?.instances[0]?.restartUrl).toBe(
      "http://a.test/restart?now",
    );
    for (const bad of ["a.test/restart", "ftp://a.test", "http://u@a.test", "http://a.test/#x"])
      expect(hooked(bad).problems).toMatchObject([{ path: "pools.p.instances[0].restartUrl" }]);
  });
});

describe("a route", () => {
  it.each<[object, string]>([
    [{ pool: "nope" }, "routes[0].pool"],
    [{ pool: "toString" }, "routes[0].pool"],
    [{ host: "*" }, "routes[0].host"],
    [{ path: "/a*" }, "routes[0].path"],
    [{ path: "/admin" }, "routes[0].path"],
    [{ path: "/admin/*" }, "routes[0].path"],
    [{ path: "/api/super/x/*" }, "routes[0].path"],
    [{ path: "/api/sessions" }, "routes[0].path"],
    [{ path: "/health" }, "routes[0].path"],
    [{ path: "/metrics/*", host: "other.example" }, "routes[0].path"],
    [{ path: "/a", stripPrefix: true }, "routes[0].stripPrefix"],
    [{ stripPrefix: true }, "routes[0].stripPrefix"],
    [{ session: { authenticated: false, defaultApp: "search" } }, "routes[0].session"],
    [{ limits: ["general", "nope"] }, "routes[0].limits[1]"],
    [{ limits: ["general", "general"] }, "routes[0].limits[1]"],
    [{ webSocket: "pass", auth: "required" }, "routes[0].webSocket"],
    [{ webSocket: "pass", auth: "admin", revocable: true }, "routes[0].webSocket"],
  ])("%j is refused", (route, path) => {
    expect(problemsOf(withRoutes(route))).toEqual([path]);
  });

  it.each<object>([
    { path: "/api/*" },
    { path: "/*" },
    { path: "/administrator" },
    { path: "/a/*", stripPrefix: true },
    { limits: ["general", "chat"] },
    { webSocket: "relay" },
    { webSocket: "relay", auth: "required" },
    { webSocket: "pass" },
    { webSocket: "pass", auth: "optional" },
    { webSocket: "pass", auth: "required", revocable: false },
    { auth: "admin" },
    { session: { authenticated: true, defaultApp: "search" } },
    { session: { authenticated: false } },
  ])("%j is accepted", (route) => {
    expect(problemsOf(withRoutes(route))).toEqual([]);
  });

  it("on the domain needs one", () => {
    const routes = [{ id: "r", pool: "p", host: "@" }];
    expect(problemsOf({ pools: { p: app }, routes })).toEqual(["routes[0].host"]);
    expect(problemsOf({ domain: "d.io", pools: { p: app }, routes })).toEqual([]);
  });

  it("names every fault of every route at once", () => {
    expect(problemsOf(withRoutes({ pool: "x", host: "*", path: "//" }, {}, { id: "r1", path: "/a" }))).toEqual([
      "routes[0].pool",
      "routes[0].host",
      "routes[0].path",
      "routes[2].id",
    ]);
  });

  it("may name limits of the document and those that ship, but no other", () => {
    const limits = { mine: { key: "ip", limit: 1, windowMs: 1_000 } };
    const document = { ...withRoutes({ limits: ["chat", "mine"] }), limits };
    expect([problemsOf(document), warningsOf(document)]).toEqual([[], []]);
    expect(problemsOf(withRoutes({ limits: ["chat", "mine"] }))).toEqual(["routes[0].limits[1]"]);
  });

  it.each<[string, string[] | undefined, string[]]>([
    ["that names no limits stands under general", undefined, ["general"]],
    ["that names some stands under those alone, in its order", ["mine", "api"], ["mine", "api"]],
    ["that says it has none stands under none", [], []],
  ])("%s", (_, named, expected) => {
    const limits = { mine: { key: "ip", limit: 1, windowMs: 1_000 } };
    const [route] = routesOf(compile({ ...withRoutes({ ...(named && { limits: named }) }), limits }).config);
    expect(route?.limits.map(({ name }) => name)).toEqual(expected);
  });

  it.each<[object, object]>([
    [{ host: "@" }, { host: "d.io" }],
    [{ host: "d.io" }, { host: "D.IO" }],
    [{ host: "x.*" }, { host: "X.d.io" }],
    [{ path: "/a" }, { path: "/a", priority: 5 }],
    [{ path: "/a/*" }, { path: "/a/*", auth: "required" }],
    [{ session: {} }, {}],
    [{ session: { authenticated: true } }, { session: { authenticated: true } }],
  ])("%j can't be told from %j", (one, other) => {
    const document = withRoutes(one, other);
    expect(problemsOf(document)).toEqual(["routes[1]"]);
    expect(routesOf(compile(document).config).map(({ id }) => id)).toEqual(["r0"]);
  });

  it.each<[object, object]>([
    [{ host: "@" }, {}],
    [{ host: "@" }, { host: "x.*" }],
    [{ host: "*.d.io" }, { host: "d.io" }],
    [{ path: "/a" }, { path: "/a/*" }],
    [{ path: "/a" }, { path: "/a/" }],
    [{ path: "/a" }, { path: "/A" }],
    [{ path: "/*" }, { path: "/" }],
    [{ path: "/*" }, { host: "@" }],
    [{ path: "/*" }, { session: { authenticated: true } }],
    [{ session: { authenticated: true } }, { session: { authenticated: false } }],
    [{ session: { defaultApp: "search" } }, { session: { authenticated: true, defaultApp: "search" } }],
  ])("%j can be told from %j", (one, other) => {
    expect(problemsOf(withRoutes(one, other))).toEqual([]);
  });

  it.each<[object, object, string[]]>([
    [{ path: "/*" }, {}, ["r0", "r1"]],
    [{}, { path: "/*", auth: "required" }, ["r1", "r0"]],
    [{ host: "@", path: "/*", priority: 1 }, { host: "d.io" }, ["r0", "r1"]],
    [{ session: { authenticated: true } }, { path: "/*", session: { authenticated: true } }, ["r1", "r0"]],
  ])("%j can't be told from %j, which leaves the order of precedence: %j", (one, other, order) => {
    const document = withRoutes(one, other);
    expect(problemsOf(document)).toEqual(["routes[1]"]);
    expect(routesOf(compile(document).config).map(({ id }) => id)).toEqual(order);
  });

  it("whose session condition never holds is left out", () => {
    const document = withRoutes({ session: { authenticated: false, defaultApp: "search" } }, {});
    expect(routesOf(compile(document).config).map(({ id }) => id)).toEqual(["r1"]);
  });

  it("has defaults", () => {
    const [route] = routesOf(compile(withRoutes({})).config);
    expect(route).toMatchObject({
      auth: "optional",
      priority: 0,
      stripLength: 0,
      sessionFreshnessMs: 1_000,
      timeoutMs: 60_000,
      tryTimeoutMs: 15_000,
      idleTimeoutMs: 60_000,
      bodyBytesMax: 104_857_600,
      attemptsMax: 3,
      resendNonIdempotent: false,
      webSocket: "pass",
      limits: [{ name: "general", rule: { kind: "rate", limit: 100, windowMs: 60_000 } }],
    });
  });

  it("takes what it leaves out from the document and the pool, and a try never outlasts the request", () => {
    const document = {
      sessionFreshnessMs: 250,
      pools: { p: { ...app, retry: { nonIdempotent: true } } },
      routes: [
        { id: "a", pool: "p", timeoutMs: 5_000, path: "/a/b/*", stripPrefix: true },
        { id: "b", pool: "p", sessionFreshnessMs: 0, retry: { nonIdempotent: false } },
      ],
    };
    const [a, b] = routesOf(compile(document).config);
    expect(a).toMatchObject({
      sessionFreshnessMs: 250,
      tryTimeoutMs: 5_000,
      resendNonIdempotent: true,
      stripLength: 4,
    });
    expect(b).toMatchObject({ sessionFreshnessMs: 0, tryTimeoutMs: 15_000, resendNonIdempotent: false });
  });

  it("relays sockets where they must be cut or counted, and passes them elsewhere", () => {
    const mode = (route: object, pool: object = {}) =>
      routesOf(compile({ pools: { p: { ...app, ...pool } }, routes: [{ id: "r", pool: "p", ...route }] }).config)[0]
        ?.webSocket;
    const least = { strategy: "least-connections" };
    expect([mode({}), mode({ auth: "none" }), mode({ auth: "optional" })]).toEqual(["pass", "pass", "pass"]);
    expect([mode({ auth: "required" }), mode({ auth: "admin" }), mode({}, least)]).toEqual(["relay", "relay", "relay"]);
    expect(mode({ webSocket: "pass" }, least)).toBe("pass");
    expect(mode({ auth: "required", webSocket: "pass", revocable: false })).toBe("pass");
    // Refused, but should such a document ever be in force it must not open what it protects.
    expect(mode({ auth: "required", webSocket: "pass" })).toBe("relay");
    expect(mode({ webSocket: "relay" })).toBe("relay");
  });
});

describe("a document that a deployment made unfit", () => {
  it("still serves what works", () => {
    const document = {
      pools: { gone: { instances: [{ id: "a", binding: "GONE" }] }, p: app },
      routes: [
        { id: "a", path: "/a", pool: "gone" },
        { id: "b", path: "/b", pool: "p" },
      ],
    };
    const { config, problems } = compile(document);
    expect(problems.map(({ path }) => path)).toEqual(["pools.gone.instances[0].binding"]);
    expect(routesOf(config).map(({ id, pool }) => [id, pool.instances.length])).toEqual([
      ["a", 0],
      ["b", 1],
    ]);
  });

  it("compiles to nothing when it is empty", () => {
    const { config, problems, warnings } = compile({});
    expect([routesOf(config), problems, warnings]).toEqual([[], [], []]);
    expect(config).toMatchObject({
      version: 3,
      domain: undefined,
      configFreshnessMs: 2_000,
      logSampleRate: 1,
    });
  });
});

describe("hidden routes", () => {
  it("are warned of where a host goes before a path on the main domain", () => {
    expect(warningsOf(withRoutes({ path: "/a" }, { host: "@" }))).toEqual(["routes[0].path"]);
    expect(warningsOf(withRoutes({ path: "/a", host: "@" }, { host: "@" }))).toEqual([]);
    expect(warningsOf(withRoutes({ path: "/a", priority: 1 }, { host: "@" }))).toEqual([]);
    expect(warningsOf(withRoutes({ path: "/a" }, { host: "x.*" }))).toEqual([]);
  });

  it("are warned of where an exposed pool comes after a catch-all", () => {
    const exposed = (...routes: object[]) => ({ ...withRoutes(...routes), pools: { p: { ...app, exposed: true } } });
    expect(warningsOf(exposed({}))).toEqual(["pools.p.exposed"]);
    expect(warningsOf(exposed({ host: "@" }))).toEqual(["pools.p.exposed"]);
    expect(warningsOf(exposed({}, { path: "/p/*" }))).toEqual([]);
    expect(warningsOf(exposed({ path: "/a" }))).toEqual([]);
  });
});
