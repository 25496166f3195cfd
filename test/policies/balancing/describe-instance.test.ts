// What is told of an instance never holds a secret.

import { describe, expect, it } from "vitest";
import { listInstances, rosterOf } from "../../../src/policies/balancing/describe-instance.ts";
import type { CompiledInstance, Target } from "../../../src/policies/routing/compiled-config.ts";
import { instanceOf, poolOf } from "./isolate-calls.ts";

type Known = Parameters<typeof listInstances>[1];
const listInstance = (instance: CompiledInstance, known: Known) => {
  const [listed] = listInstances([instance], known);
  if (listed === undefined) throw new Error("nothing listed");
  return listed;
};

const described = (target: Target) => listInstance({ ...instanceOf("api-1"), target }, undefined).target;

describe("the target of an instance", () => {
  it.each([
    ["binding:API", { kind: "binding", binding: "API", rpc: false }],
    ["rpc:API", { kind: "binding", binding: "API", rpc: true }],
    ["http://10.0.0.1:3001", { kind: "url", base: "http://10.0.0.1:3001" }],
    ["https://api.test/base", { kind: "url", base: "https://api.test/base" }],
    ["https://api.test/at@home", { kind: "url", base: "https://api.test/at@home" }],
    ["https://api.test", { kind: "url", base: "https://user:hunter2@api.test" }],
    ["https://api.test/x", { kind: "url", base: "HTTPS://user:hun@ter2@api.test/x" }],
  ] as const)("is %s", (expected, target) => {
    expect(described(target).toLowerCase()).toBe(expected.toLowerCase());
  });

  it("is cut to 256 characters, so that a thousand instances fit one row", () => {
    expect(described({ kind: "url", base: `https://${"a".repeat(2_000)}` })).toHaveLength(256);
  });
});

describe("listInstance", () => {
  const instance = {
    ...instanceOf("api-1"),
    apiKeyEnv: "API_KEY",
    name: "Oracle Primary",
    region: "US Chicago",
    type: "worker",
    features: ["WebSocket"],
  };

  const idle = { inFlight: {}, ejected: [], probed: [] };

  it("tells what an operator needs, and not where the key is", () => {
    expect(listInstance(instance, { ...idle, inFlight: { "api-1": 3 } })).toEqual({
      id: "api-1",
      name: "Oracle Primary",
      target: "binding:api-1",
      weight: 1,
      region: "US Chicago",
      type: "worker",
      features: ["WebSocket"],
      status: "registered",
      responseTime: null,
      inFlight: 3,
    });
  });

  it("tells who is out for the whole fleet, and only that one", () => {
    const known = { ...idle, ejected: [{ instanceId: "api-1", times: 1, forMs: 1 }] };
    expect(listInstance(instance, known).status).toBe("ejected");
    expect(listInstance({ ...instance, id: "api-2" }, known).status).toBe("registered");
    expect(listInstance(instance, undefined).status).toBe("registered");
  });

  it.each(["healthy", "degraded", "unhealthy"] as const)(
    "tells whom probes find %s, and how long it took; where nobody probed it, neither",
    (state) => {
      const known = { ...idle, probed: [{ instanceId: "api-1", state, ms: 12 }] };
      expect(listInstance(instance, known)).toMatchObject({ status: state, responseTime: 12 });
      const other = { ...instance, id: "constructor" };
      expect(listInstance(other, known)).toMatchObject({ status: "registered", responseTime: null });
    },
  );

  it("tells of one that is ejected that it is, whatever probes find", () => {
    const ejected = [{ instanceId: "api-1", times: 1, forMs: 1 }];
    const probed = [{ instanceId: "api-1", state: "healthy", ms: 3 }] as const;
    const listed = listInstance(instance, { ...idle, ejected, probed });
    expect(listed).toMatchObject({ status: "ejected", responseTime: 3 });
  });

  it("tells an idle instance from one nothing is known of", () => {
    expect(listInstance(instance, idle).inFlight).toBe(0);
    expect(listInstance({ ...instance, id: "constructor" }, idle).inFlight).toBe(0);
    expect(listInstance(instance, undefined).inFlight).toBeNull();
  });
});

describe("rosterOf", () => {
  it("keeps the pool's order and key", () => {
    const roster = rosterOf(poolOf("api", ["b", "a"], "least-connections"), 7, 99);
    expect(roster).toMatchObject({ configVersion: 7, deployedAt: 99, strategy: "least-connections" });
    expect(roster.instances.map(({ id }) => id)).toEqual(["b", "a"]);
  });
});
