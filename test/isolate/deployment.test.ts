// What a deployment says of itself where the platform says nothing.

import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { deploymentOf, uptimeMs } from "../../src/isolate/deployment.ts";

const deployed = (timestamp: string): Env => ({ ...env, VERSION: { ...env.VERSION, timestamp } });

describe("uptime", () => {
  it("counts from the platform's timestamp", () => {
    const deployment = deploymentOf(deployed("2026-08-01T00:00:00Z"));
    expect(uptimeMs(deployment, Date.parse("2026-08-01T00:00:05Z"))).toBe(5_000);
  });

  it.each(["", "no time"])("is null when that is %j, never the age of the epoch", (timestamp) => {
    const deployment = deploymentOf(deployed(timestamp));
    expect(deployment.deployedAt).toBe(0);
    expect(uptimeMs(deployment, Date.now())).toBeNull();
  });
});
