// Which route a request takes: document 000 row by row on the example configuration, and the table against a slow model.

import { readFileSync } from "node:fs";
import fc from "fast-check";
import { parse } from "jsonc-parser";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import type { BindingKind } from "../../../src/contracts/bindings.ts";
import { ConfigDocument, type RouteConfig } from "../../../src/contracts/config.ts";
import type { SessionData } from "../../../src/contracts/session.ts";
import { compileConfig } from "../../../src/policies/routing/compile-config.ts";
import { chooseRoute, matchRoute } from "../../../src/policies/routing/match-route.ts";

type App = "console" | "profile" | "search";
const signedIn = (defaultApp?: App): SessionData => ({
  authenticated: true,
  createdAt: 1,
  lastActivityAt: 1,
  ...(defaultApp !== undefined && { preferences: { defaultApp } }),
});
const signedOut: SessionData = { authenticated: false, createdAt: 1, lastActivityAt: 1 };

const APPS = ["AUTH_APP", "CONSOLE_APP", "PROFILE_APP", "SEARCH_APP", "ENCLAVE_APP"];
const WALLET = ["MAIN_BOT", "API", "BANKING", "SECURITY", "FRONTEND", "ANALYTICS"].map((name) => `${name}_WORKER`);
const bindings = new Map<string, BindingKind>(
  [...APPS, ...WALLET, "BACKEND_SERVICE_1"].map((name) => [name, "service"]),
);
const compile = (document: ConfigDocument) => compileConfig({ version: 1, document, bindings });

/** Routes by id over one pool, so that an answer is the id of the route chosen. */
const routesOf = (routes: Partial<RouteConfig>[], rest: Partial<ConfigDocument> = {}) => {
  const document = {
    domain: "sonr.id",
    pools: { p: { instances: [{ id: "i", url: "http://127.0.0.1:1" }] } },
    routes: routes.map((route, index) => ({ id: `r${index}`, pool: "p", ...route })),
    ...rest,
  };
  const { config, problems } = compile(document);
  expect(problems).toEqual([]);
  return (host: string, path: string, session?: SessionData) =>
    chooseRoute(matchRoute(config, host, path), session)?.id;
};

describe("the example configuration", () => {
  const text = readFileSync(`${import.meta.dirname}/../../../examples/signalbox.jsonc`, "utf8");
  const compiled = compile(v.parse(ConfigDocument, parse(text, [], { allowTrailingComma: true })));
  const poolOf = (host: string, path: string, session?: SessionData) =>
    chooseRoute(matchRoute(compiled.config, host, path), session)?.pool.name;

  it("has no problem and no warning", () => {
    expect(compiled.problems).toEqual([]);
    expect(compiled.warnings).toEqual([]);
  });

  it.each<[row: string, host: string, path: string, session: SessionData | undefined, pool: string | undefined]>([
    ["M08", "console.sonr.id", "/dashboard", undefined, "console"],
    ["M08 before any path rule", "console.sonr.id", "/search/", undefined, "console"],
    ["M09", "profile.sonr.id", "/settings", undefined, "profile"],
    ["M10", "search.sonr.id", "/", undefined, "search"],
    ["M08 is one host only", "console.evil.com", "/dashboard", undefined, undefined],
    ["M11", "sonr.id", "/login", undefined, "auth"],
    ["M11 for the signed-in too", "sonr.id", "/login", signedIn(), "auth"],
    ["M12", "sonr.id", "/console/dashboard", undefined, "console"],
    ["M12 the mount itself", "sonr.id", "/console", undefined, "console"],
    ["M13", "sonr.id", "/profile/settings", undefined, "profile"],
    ["M13 path before session", "sonr.id", "/profile/settings", signedIn("console"), "profile"],
    ["M14", "sonr.id", "/search/", undefined, "search"],
    ["M14 whole segments only", "sonr.id", "/searchx", undefined, "auth"],
    ["M15", "sonr.id", "/", undefined, "auth"],
    ["M16", "sonr.id", "/", signedIn("console"), "console"],
    ["M17", "sonr.id", "/", signedIn("profile"), "profile"],
    ["M17 elsewhere than at /", "sonr.id", "/anything", signedIn("profile"), "profile"],
    ["M18", "sonr.id", "/", signedIn(), "console"],
    ["M18 search", "sonr.id", "/", signedIn("search"), "search"],
    ["M19", "sonr.id", "/", signedOut, "auth"],
    ["M19 elsewhere than at /", "sonr.id", "/anything", undefined, "auth"],
    ["L04", "sonr.id", "/api/chat", undefined, "backends"],
    ["L04 before L05", "sonr.id", "/api/workspace/chat", undefined, "backends"],
    ["L05", "sonr.id", "/api/workspace/repo/1", signedIn("profile"), "backends"],
    ["L06", "sonr.id", "/api/terminal/1", undefined, "backends"],
    ["L07", "sonr.id", "/api/integrations/github", undefined, "edge"],
    ["L08", "sonr.id", "/api/user/repos", signedIn(), "edge"],
    ["D02", "sonr.id", "/main-bot/webhook", undefined, "main-bot"],
    ["D03", "sonr.id", "/api/wallets", undefined, "api"],
    ["D03 after what has a longer path", "sonr.id", "/api/chats", undefined, "api"],
    ["D03 whole segments only", "sonr.id", "/apis", undefined, "auth"],
    ["D04", "sonr.id", "/banking/transfers", signedIn("profile"), "banking"],
    ["D04 any other host (D36)", "other.example", "/banking/transfers", undefined, "banking"],
    ["D05", "sonr.id", "/security/tokens/check", undefined, "security"],
    ["D06", "sonr.id", "/frontend", undefined, "frontend"],
    ["D07", "sonr.id", "/analytics/summary", undefined, "analytics"],
    ["D36 main domain", "sonr.id", "/backends/x", signedIn(), "backends"],
    ["D36 any other host", "other.example", "/backends/x", undefined, "backends"],
    ["no route", "other.example", "/", undefined, undefined],
  ])("%s", (_row, host, path, session, pool) => {
    expect(poolOf(host, path, session)).toBe(pool);
  });

  it("L04 is a route of its own, apart from L05's", () => {
    const idOf = (path: string) => chooseRoute(matchRoute(compiled.config, "sonr.id", path), undefined)?.id;
    expect(idOf("/api/workspace/chat")).toBe("workspace-chat");
    expect(idOf("/api/workspace/chats")).toBe("workspace");
  });

  it("L09 gives a route without a backend no instance to pick", () => {
    const route = chooseRoute(matchRoute(compiled.config, "sonr.id", "/api/user/repos"), undefined);
    expect(route?.pool.instances).toEqual([]);
  });

  it("is the same on a developer's machine", () => {
    for (const host of ["localhost", "127.0.0.1", "[::1]"]) {
      expect(poolOf(host, "/console/x")).toBe("console");
      expect(poolOf(host, "/", signedIn("profile"))).toBe("profile");
    }
    expect(poolOf("console.localhost", "/dashboard")).toBe("console");
    expect(poolOf("other.localhost", "/dashboard")).toBeUndefined();
  });
});

describe("precedence", () => {
  it("puts an exact host before a wildcard and a wildcard before none", () => {
    const choose = routesOf([{ path: "/a/b/c" }, { host: "*.x.io" }, { host: "a.x.io" }]);
    expect(choose("a.x.io", "/a/b/c")).toBe("r2");
    expect(choose("b.x.io", "/a/b/c")).toBe("r1");
    expect(choose("c.b.x.io", "/a/b/c")).toBe("r0");
  });

  it("lets a wildcard stand for one whole label, never none", () => {
    const choose = routesOf([{ host: "*.x.io" }]);
    expect(choose("a.x.io", "/")).toBe("r0");
    for (const host of ["x.io", "a.b.x.io", ".x.io", "axx.io", "a.x.io.evil"])
      expect(choose(host, "/")).toBeUndefined();
  });

  it("puts more segments before fewer, and an exact path before a prefix of as many", () => {
    const choose = routesOf([{ path: "/*" }, { path: "/a/*" }, { path: "/a" }, { path: "/a/b/*" }, { path: "/" }]);
    expect(choose("h", "/")).toBe("r4");
    expect(choose("h", "/a")).toBe("r2");
    expect(choose("h", "/a/")).toBe("r1");
    expect(choose("h", "/a/b")).toBe("r3");
    expect(choose("h", "/a/b/c/d/e")).toBe("r3");
    expect(choose("h", "/a/bc")).toBe("r1");
    expect(choose("h", "/ab")).toBe("r0");
  });

  it("takes the path byte for byte: case, escapes and empty segments differ", () => {
    const choose = routesOf([{ path: "/a/b" }, { path: "/a/*" }]);
    expect(choose("h", "/a/b")).toBe("r0");
    expect(choose("h", "/a//b")).toBe("r1");
    for (const path of ["/A/b", "//a/b", "/%61/b"]) expect(choose("h", path)).toBeUndefined();
  });

  it("puts the more specific session condition first", () => {
    const choose = routesOf([
      {},
      { session: { authenticated: true } },
      { session: { defaultApp: "search" } },
      { session: { authenticated: true, defaultApp: "search" } },
      { session: { authenticated: false } },
    ]);
    expect(choose("h", "/x", signedIn("search"))).toBe("r3");
    expect(choose("h", "/x", signedIn("console"))).toBe("r1");
    expect(choose("h", "/x", { ...signedOut, preferences: { defaultApp: "search" } })).toBe("r2");
    expect(choose("h", "/x", signedOut)).toBe("r4");
    expect(choose("h", "/x")).toBe("r4");
  });

  it("lets an explicit priority override all of it", () => {
    expect(routesOf([{ host: "a.x.io", path: "/a" }, { priority: 1 }])("a.x.io", "/a")).toBe("r1");
    expect(routesOf([{ host: "a.x.io", priority: -1 }, { path: "/*" }])("a.x.io", "/")).toBe("r1");
    expect(routesOf([{ session: { authenticated: true } }, { priority: 1 }])("h", "/", signedIn())).toBe("r1");
  });

  it("keeps an exposed pool behind every route, even one of the lowest priority", () => {
    const pools = { p: { exposed: true, instances: [{ id: "i", url: "http://127.0.0.1:1" }] } };
    expect(routesOf([{ host: "a.x.io" }], { pools })("b.x.io", "/p/x")).toBe("exposed:p");
    expect(routesOf([{ host: "a.x.io" }], { pools })("b.x.io", "/p")).toBe("exposed:p");
    expect(routesOf([{ host: "a.x.io" }], { pools })("b.x.io", "/px")).toBeUndefined();
    expect(routesOf([{ priority: -1_000 }], { pools })("b.x.io", "/p/x")).toBe("r0");
  });
});

describe("at / on the main domain", () => {
  const home = { host: "@", path: "/" };
  const own = { session: { authenticated: true } };

  it("a signed-in visitor's session route goes before the path rule", () => {
    const choose = routesOf([home, { host: "@", ...own }]);
    expect(choose("sonr.id", "/", signedIn())).toBe("r1");
    expect(choose("localhost", "/", signedIn())).toBe("r1");
    expect(routesOf([home, own])("sonr.id", "/", signedIn())).toBe("r1");
  });

  it("nobody else's does", () => {
    const choose = routesOf([home, { host: "@", session: { authenticated: false } }]);
    expect(choose("sonr.id", "/")).toBe("r0");
    const bySetting = routesOf([home, { host: "@", session: { defaultApp: "search" } }]);
    expect(bySetting("sonr.id", "/", { ...signedOut, preferences: { defaultApp: "search" } })).toBe("r0");
    expect(bySetting("sonr.id", "/", signedIn("search"))).toBe("r1");
  });

  it("no session route does on another host or path", () => {
    const elsewhere = routesOf([{ path: "/" }, { path: "/a" }, own]);
    expect(elsewhere("other.example", "/", signedIn())).toBe("r0");
    expect(elsewhere("sonr.id", "/a", signedIn())).toBe("r1");
    expect(elsewhere("sonr.id", "/", signedIn())).toBe("r2");
  });

  it("the path rule stays first where it has the higher priority, not where it has the same", () => {
    expect(
      routesOf([
        { ...home, priority: 2 },
        { ...own, priority: 1 },
      ])("sonr.id", "/", signedIn()),
    ).toBe("r0");
    expect(
      routesOf([
        { ...home, priority: 1 },
        { ...own, priority: 1 },
      ])("sonr.id", "/", signedIn()),
    ).toBe("r1");
  });

  it("a host without path is no path rule: it stays before session routes of any host", () => {
    expect(routesOf([{ host: "@" }, own])("sonr.id", "/", signedIn())).toBe("r0");
  });
});

describe("whether the session is needed", () => {
  const needs = (routes: Partial<RouteConfig>[], host: string, path: string) => {
    const pools = { p: { instances: [{ id: "i", url: "http://127.0.0.1:1" }] } };
    const all = routes.map((route, index) => ({ id: `r${index}`, pool: "p", ...route }));
    return matchRoute(compile({ domain: "sonr.id", pools, routes: all }).config, host, path).needsSession;
  };
  const routes = [{ path: "/a/*" }, { session: { authenticated: true } }, {}];

  it("is said where it can change the choice", () => {
    expect(needs(routes, "h", "/b")).toBe(true);
    expect(needs([{ host: "@", path: "/" }, { session: { authenticated: true } }], "sonr.id", "/")).toBe(true);
  });

  it("is not said where it can't", () => {
    expect(needs(routes, "h", "/a/b")).toBe(false);
    expect(needs([{ path: "/" }, { session: { authenticated: true } }], "other.example", "/")).toBe(false);
    expect(needs([{ host: "@", path: "/", priority: 1 }, { session: { authenticated: true } }], "sonr.id", "/")).toBe(
      false,
    );
  });
});

describe("against a slow, obvious model", () => {
  const domain = "d.io";
  const segment = fc.constantFrom("a", "b", "ab");
  const segments = fc.array(segment, { maxLength: 3 });
  const exactPath = segments.map((parts) => `/${parts.join("/")}`);
  const pathPattern = fc.oneof(
    exactPath,
    segments.map((parts) => `/${[...parts, "*"].join("/")}`),
  );
  const session = fc.record(
    { authenticated: fc.boolean(), defaultApp: fc.constantFrom<App>("console", "search") },
    { requiredKeys: [] },
  );
  const route = fc.record(
    {
      host: fc.constantFrom("@", "x.*", "*.d.io", "d.io", "other.io", "*.other.io", "localhost"),
      path: pathPattern,
      session,
      priority: fc.constantFrom(-1, 0, 1),
    },
    { requiredKeys: [] },
  );
  const visitor = fc.option(
    fc.record({ authenticated: fc.boolean(), app: fc.constantFrom<App | undefined>(undefined, "console", "search") }),
    { nil: undefined },
  );
  const hosts = fc.constantFrom(
    "d.io",
    "x.d.io",
    "y.d.io",
    "localhost",
    "x.localhost",
    "[::1]",
    "other.io",
    "z.other.io",
    "q",
  );

  type Generated = {
    host?: string;
    path?: string;
    session?: { authenticated?: boolean; defaultApp?: App };
    priority?: number;
  };
  const isLoopback = (host: string) => ["localhost", "127.0.0.1", "[::1]"].includes(host);
  const namesOf = (host: string) => [
    host,
    ...(isLoopback(host) ? [domain] : []),
    ...(host.endsWith(".localhost") ? [host.replace(/localhost$/, domain)] : []),
  ];
  const hostMatches = (pattern: string | undefined, host: string) =>
    pattern === undefined ||
    namesOf(host).some((name) => {
      if (pattern === "@") return name === domain;
      if (pattern.endsWith(".*")) return name === `${pattern.slice(0, -1)}${domain}`;
      if (pattern.startsWith("*."))
        return name.split(".").slice(1).join(".") === pattern.slice(2) && name.includes(".");
      return name === pattern;
    });
  const pathMatches = (pattern: string | undefined, path: string) => {
    if (pattern === undefined) return true;
    if (!pattern.endsWith("/*")) return path === pattern;
    const prefix = pattern.slice(0, -2);
    return path === prefix || path.startsWith(`${prefix}/`);
  };
  const hostClass = (pattern?: string) => (pattern === undefined ? 2 : pattern.startsWith("*.") ? 1 : 0);
  const depth = (pattern?: string) => (pattern ?? "").split("/").filter((part) => part !== "" && part !== "*").length;
  const compare = (a: Generated, b: Generated) =>
    (b.priority ?? 0) - (a.priority ?? 0) ||
    hostClass(a.host) - hostClass(b.host) ||
    Number(a.path === undefined) - Number(b.path === undefined) ||
    depth(b.path) - depth(a.path) ||
    Number(a.path?.endsWith("*") ?? false) - Number(b.path?.endsWith("*") ?? false) ||
    weight(b) - weight(a);
  const weight = ({ session: condition }: Generated) =>
    (condition?.defaultApp === undefined ? 0 : 2) + (condition?.authenticated === undefined ? 0 : 1);

  it("chooses the same route", () => {
    fc.assert(
      fc.property(fc.array(route, { maxLength: 12 }), hosts, exactPath, visitor, (generated, host, path, who) => {
        const unique = new Map(
          generated.map((one) => {
            const where = one.host === "@" ? domain : one.host === "x.*" ? `x.${domain}` : one.host;
            return [JSON.stringify([where, one.path, one.session?.authenticated, one.session?.defaultApp]), one];
          }),
        );
        const routes: (Generated & { id: string })[] = [...unique.values()]
          // Refused and left out: nobody without a session has chosen an app.
          .filter((one) => one.session?.authenticated !== false || one.session.defaultApp === undefined)
          .map((one, index) => ({ ...one, id: `r${index}` }));
        const state: SessionData | undefined = who && {
          ...signedIn(who.app),
          authenticated: who.authenticated,
        };

        const holding = routes
          .filter((one) => hostMatches(one.host, host) && pathMatches(one.path, path))
          .filter(({ session: condition }) => {
            if (condition?.authenticated !== undefined && condition.authenticated !== (state?.authenticated ?? false))
              return false;
            return condition?.defaultApp === undefined || state?.preferences?.defaultApp === condition.defaultApp;
          })
          .sort(compare);
        let expected = holding[0];
        const isMain = host === domain || isLoopback(host);
        if (path === "/" && isMain && state?.authenticated && expected?.path !== undefined && weight(expected) === 0) {
          const own = holding.find((one) => weight(one) > 0);
          if (own !== undefined && (own.priority ?? 0) >= (expected.priority ?? 0)) expected = own;
        }

        const pools = { p: { instances: [{ id: "i", url: "http://127.0.0.1:1" }] } };
        const { config } = compile({ domain, pools, routes: routes.map((one) => ({ ...one, pool: "p" })) });
        const match = matchRoute(config, host, path);
        expect(chooseRoute(match, state)?.id).toBe(expected?.id);
        if (!match.needsSession) expect(chooseRoute(match, undefined)?.id).toBe(expected?.id);
      }),
      { numRuns: 3_000 },
    );
  });
});
