// Warns of what a retry setting, of a pool or of a route, says but does not do.

import type { RouteConfig } from "../../contracts/config.ts";
import type { Findings, Place } from "./findings.ts";

/** `place` leads to the pool or route that holds it. */
export function adviseOnRetry(retry: RouteConfig["retry"], place: Place, findings: Findings): void {
  if (retry?.profile === "client-backoff") {
    findings.warn([...place, "retry", "profile"], "client-backoff is stored but behaves as failover");
  }
}
