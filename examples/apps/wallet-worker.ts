// What the six wallet Workers (D02–D07) have in common: routes by path and method, JSON answers, /version and /health.
// Each answers alike under its own path on the main domain (/banking/health) and at its root (/health), where probes ask.
// Must never trust a body: the Workers read it through bounded-body.ts.

import { mountOf, pathInside, refuseMethod, send } from "./page.ts";

export type Call = {
  readonly request: Request;
  readonly query: URLSearchParams;
  /** What stands in the place of `:id` in the route's path; else empty. */
  readonly id: string;
  /** Where the Worker's own links start, for the client that asked. */
  readonly mount: string;
};
type Handler = (call: Call) => Response | Promise<Response>;
type Methods = { readonly [method: string]: Handler };
type WalletWorker = {
  /** Also the path it is found under. */
  readonly name: string;
  readonly version: string;
  /** Path → method → handler; GET also answers HEAD. */
  readonly routes: { readonly [path: string]: Methods };
};

export function walletWorker({ name, version, routes }: WalletWorker): ExportedHandler {
  const table = Object.entries({ ...vitals(name, version), ...routes }).map(([pathname, methods]) => ({
    pattern: new URLPattern({ pathname }),
    methods,
  }));
  return {
    async fetch(request): Promise<Response> {
      const { pathname, searchParams: query } = new URL(request.url);
      for (const { pattern, methods } of table) {
        const found = pattern.exec({ pathname: pathInside(name, pathname) });
        if (found === null) continue;
        const handler = methods[request.method === "HEAD" ? "GET" : request.method];
        if (handler === undefined) return refuseMethod(allowed(methods));
        return handler({ request, query, id: found.pathname.groups.id ?? "", mount: mountOf(name, pathname) });
      }
      return refusal(404, "not_found");
    },
  };
}

export const json = (status: number, value: object): Response =>
  send(status, "application/json", `${JSON.stringify(value)}\n`);

export const refusal = (status: number, error: string): Response => json(status, { error });

const allowed = (methods: Methods): string =>
  Object.keys(methods)
    .flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method]))
    .join(", ");

/** The shapes of the plane's own: seconds in /version, ms in /health. A Worker isn't told when it began, so both count from its first request. */
function vitals(service: string, version: string): WalletWorker["routes"] {
  let firstAtMs: number | undefined;
  const told = () => {
    const nowMs = Date.now();
    firstAtMs ??= nowMs;
    return { upMs: nowMs - firstAtMs, timestamp: new Date(nowMs).toISOString() };
  };
  const tellVersion = () => {
    const { upMs, timestamp } = told();
    return json(200, { service, version, uptime: upMs / 1_000, timestamp });
  };
  const tellHealth = () => {
    const { upMs, timestamp } = told();
    return json(200, { status: "healthy", service, version, uptime: upMs, timestamp });
  };
  return { "/version": { GET: tellVersion }, "/health": { GET: tellHealth } };
}
