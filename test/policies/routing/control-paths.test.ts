// Which paths are reserved for the control surface, and which only look like it.

import { describe, expect, it } from "vitest";
import { isControlPath } from "../../../src/policies/routing/control-paths.ts";

describe("the control surface", () => {
  it.each([
    "/api/super",
    "/api/super/config",
    "/api/session",
    "/api/sessions",
    "/api/session/preferences",
    "/api/workers/status",
    "/admin",
    "/admin/",
    "/admin/workers",
    "/balancer/status",
    "/discovery/services",
    "/metrics",
    "/metrics/worker/a",
    "/metricsfoo",
    "/health",
    "/health/workers",
    "/version",
  ])("owns %s", (path) => {
    expect(isControlPath(path)).toBe(true);
  });

  it.each([
    "/",
    "/api",
    "/api/superb",
    "/api/sessio",
    "/api/workers",
    "/api/workers/status/x",
    "/administrator",
    "/balancers",
    "/metric",
    "/health/",
    "/health/workers/x",
    "/healthy",
    "/versions",
    "/ADMIN",
    "//admin",
    "/x/admin",
    "/api/chat",
    "/api/auth/github",
  ])("leaves %s to traffic", (path) => {
    expect(isControlPath(path)).toBe(false);
  });
});
