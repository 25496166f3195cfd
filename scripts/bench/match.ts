// Measures what matching a route costs: `node scripts/bench/match.ts` prints median nanoseconds per request
// for a small document and for one of 1,000 mixed routes. Nothing else depends on it.

import type { ConfigDocument, RouteConfig } from "../../src/contracts/config.ts";
import type { SessionData } from "../../src/contracts/session.ts";
import { compileConfig } from "../../src/policies/routing/compile-config.ts";
import { chooseRoute, matchRoute } from "../../src/policies/routing/match-route.ts";

const DOMAIN = "sonr.id";
const ROUNDS = 200;
const REQUESTS_PER_ROUND = 2_000;

type Visit = { readonly host: string; readonly path: string; readonly session: SessionData | undefined };

const signedIn: SessionData = {
  authenticated: true,
  createdAt: 0,
  lastActivityAt: 0,
  preferences: { defaultApp: "profile" },
};

const compile = (routes: readonly Omit<RouteConfig, "id" | "pool">[]) => {
  const document: ConfigDocument = {
    domain: DOMAIN,
    pools: { app: { instances: [{ id: "app-1", url: "http://127.0.0.1:1" }] } },
    routes: routes.map((route, index) => ({ ...route, id: `r${index}`, pool: "app" })),
  };
  const { config, problems } = compileConfig({ version: 1, document, bindings: new Map() });
  if (problems.length > 0) throw new Error(`the benchmark's own document: ${JSON.stringify(problems[0])}`);
  return config;
};

const SMALL = [
  { host: "console.*" },
  { host: "@", path: "/console/*" },
  { host: "@", path: "/api/chat" },
  { host: "@", path: "/" },
  { host: "@", session: { authenticated: true, defaultApp: "profile" as const } },
  { host: "@", session: { authenticated: true } },
  {},
];

/** Every shape a route may have, in equal parts. */
const LARGE = Array.from({ length: 1_000 }, (_, n) => {
  const shapes: Omit<RouteConfig, "id" | "pool">[] = [
    { host: `app${n}.*` },
    { host: "@", path: `/team${n % 100}/app${n}/*` },
    { host: "@", path: `/api/v1/things/${n}` },
    { path: `/any/${n}/*`, priority: n % 3 },
    { host: `*.tenant${n}.example`, path: "/files/*" },
    { host: `app${n - 5}.*`, path: `/deep/er/and/deeper${n}/*` },
    { host: "@", path: `/own/${n}/*`, session: { authenticated: true } },
    { host: `www.customer${n}.example` },
  ];
  return shapes[n % shapes.length] ?? {};
});

const visits = (count: number, pick: (n: number) => Visit): Visit[] => Array.from({ length: count }, (_, n) => pick(n));

/** Hosts and paths are cut out of a longer text, as a request's are out of its URL: no hash is known beforehand. */
const fresh = (text: string): string => `x${text}`.slice(1);

const smallVisit = (n: number): Visit => ({
  host: fresh(n % 3 === 0 ? `console.${DOMAIN}` : DOMAIN),
  path: fresh(["/dashboard", "/console/x/y", "/", "/api/chat", `/some/page/${n}`][n % 5] ?? "/"),
  session: n % 2 === 0 ? signedIn : undefined,
});

/** `th(shape)` is the number of some route of that shape. */
const largeVisit = (n: number): Visit => {
  const th = (shape: number) => ((n * 7919) % 125) * 8 + shape;
  const all: Visit[] = [
    { host: fresh(`app${th(0)}.${DOMAIN}`), path: fresh("/deep/er/and/deeper/still"), session: undefined },
    { host: fresh(DOMAIN), path: fresh(`/team${th(1) % 100}/app${th(1)}/page/${n}`), session: undefined },
    { host: fresh(DOMAIN), path: fresh(`/api/v1/things/${th(2)}`), session: undefined },
    { host: fresh("nowhere.example"), path: fresh(`/any/${th(3)}/x/y/z`), session: undefined },
    { host: fresh(`a.tenant${th(4)}.example`), path: fresh("/files/report.pdf"), session: undefined },
    { host: fresh(DOMAIN), path: fresh(`/own/${th(6)}/home`), session: signedIn },
    { host: fresh(DOMAIN), path: fresh(`/no/route/${n}/has/this/path`), session: undefined },
  ];
  return all[n % all.length] ?? smallVisit(n);
};

/** Median over rounds of the mean over one round's requests: a single match is below the clock's resolution. */
function measure(routes: Parameters<typeof compile>[0], pick: (n: number) => Visit) {
  const config = compile(routes);
  const perRequest: number[] = [];
  let matched = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const requests = visits(REQUESTS_PER_ROUND, (n) => pick(n + round * REQUESTS_PER_ROUND));
    const startedAt = process.hrtime.bigint();
    for (const { host, path, session } of requests) {
      if (chooseRoute(matchRoute(config, host, path), session) !== undefined) matched += 1;
    }
    perRequest.push(Number(process.hrtime.bigint() - startedAt) / REQUESTS_PER_ROUND);
  }
  perRequest.sort((a, b) => a - b);
  const at = (share: number) => Math.round(perRequest[Math.floor(share * (ROUNDS - 1))] ?? 0);
  return { medianNs: at(0.5), p99Ns: at(0.99), matched: matched / (ROUNDS * REQUESTS_PER_ROUND) };
}

for (const [name, routes, pick] of [
  [`${SMALL.length} routes`, SMALL, smallVisit],
  [`${LARGE.length} routes`, LARGE, largeVisit],
] as const) {
  const { medianNs, p99Ns, matched } = measure(routes, pick);
  console.log(`${name}: median ${medianNs} ns, p99 of rounds ${p99Ns} ns, ${Math.round(matched * 100)} % matched`);
}
