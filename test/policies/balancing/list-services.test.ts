// What is bound, discovered and exposed.

import { describe, expect, it } from "vitest";
import type { Bindings } from "../../../src/contracts/bindings.ts";
import { listServices } from "../../../src/policies/balancing/list-services.ts";
import { poolOf } from "./isolate-calls.ts";

const bindings: Bindings = new Map([
  ["AUTH_APP", "service"],
  ["BACKEND_SERVICE_1", "service"],
  ["BACKEND_SERVICE_3", "service"],
  ["BACKEND_API_KEY", "text"],
  ["CONTROL", "other"],
]);

describe("listServices", () => {
  const backends = { ...poolOf("backends", ["BACKEND_SERVICE_1", "BACKEND_SERVICE_3"]), discovered: true };
  const auth = { ...poolOf("auth", ["AUTH_APP"]), exposed: true };
  const url = {
    ...poolOf("api", []),
    instances: [{ ...auth, id: "u", weight: 1, features: [], target: { kind: "url" as const, base: "http://h" } }],
  };

  it("names services and who uses them, nothing else that is bound", () => {
    const { services } = listServices(bindings, [backends, auth, url]);
    expect(services).toEqual([
      { binding: "AUTH_APP", pools: ["auth"] },
      { binding: "BACKEND_SERVICE_1", pools: ["backends"] },
      { binding: "BACKEND_SERVICE_3", pools: ["backends"] },
    ]);
  });

  it("tells what was found under a prefix, also when that is nothing", () => {
    const nothing = { ...poolOf("nothing", []), discovered: true };
    expect(listServices(bindings, [backends, auth, nothing]).discovered).toEqual([
      {
        pool: "backends",
        prefix: "BACKEND_SERVICE",
        instances: [
          { id: "BACKEND_SERVICE_1", binding: "BACKEND_SERVICE_1" },
          { id: "BACKEND_SERVICE_3", binding: "BACKEND_SERVICE_3" },
        ],
      },
      { pool: "nothing", prefix: null, instances: [] },
    ]);
  });

  it("tells who registered himself and where, and names no pool in which nobody did", () => {
    const registered = [{ ...url.instances[0], id: "r", weight: 1, features: [], target: url.instances[0]?.target }];
    const known = [auth, { ...url, registered: registered as typeof url.instances }];
    expect(listServices(bindings, known).registered).toEqual([
      { pool: "api", instances: [{ id: "r", url: "http://h" }] },
    ]);
  });

  it("names the pools that are exposed and no others", () => {
    expect(listServices(bindings, [backends, auth, url]).exposed).toEqual(["auth"]);
  });
});
