// Which Workers run, from the project's own wrangler.jsonc and examples.

import path from "node:path";
import { describe, expect, it } from "vitest";
import { backendWorkers, planeWorker } from "../../scripts/start/plane-workers.ts";
import { readWranglerFile } from "../../scripts/start/wrangler-file.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const file = readWranglerFile(path.join(ROOT, "wrangler.jsonc"));
const version = { id: "v", tag: "", timestamp: "2026-11-20T00:00:00Z" };

describe("the plane", () => {
  const plane = planeWorker(file, { vars: { ENVIRONMENT: "test" }, secrets: ["ADMIN_SECRET", "A_API_KEY"], version });
  const bindings = new Map(plane.bindings.map((binding) => [binding.name, binding]));

  it("has every binding of wrangler.jsonc, once", () => {
    const names = [
      ...file.durable_objects.bindings.map((one) => one.name),
      ...file.services.map((one) => one.binding),
      ...file.r2_buckets.map((one) => one.binding),
      ...Object.keys(file.vars),
      ...["VERSION", "ADMIN_SECRET", "A_API_KEY"],
    ];
    expect([...bindings.keys()].sort()).toEqual(names.sort());
    expect(plane.bindings).toHaveLength(names.length);
  });

  it("gets given variables instead of the file's, and the file's where none is given", () => {
    expect(bindings.get("ENVIRONMENT")).toEqual({ kind: "text", name: "ENVIRONMENT", value: "test" });
    expect(bindings.get("TRUSTED_HOPS")).toEqual({ kind: "text", name: "TRUSTED_HOPS", value: "0" });
    expect(bindings.get("VERSION")).toEqual({ kind: "json", name: "VERSION", value: version });
    expect(bindings.get("BACKUPS")).toEqual({ kind: "bucket", name: "BACKUPS", bucket: "signalbox-backups" });
    expect(bindings.get("A_API_KEY")).toEqual({ kind: "secret", name: "A_API_KEY" });
  });
});

describe("its backends", () => {
  const examples = path.join(ROOT, "examples");

  it("are the apps it binds and as many instances of the template as it discovers, each knowing its name", () => {
    const backends = backendWorkers(file, examples);
    expect(backends.map(({ name }) => name)).toEqual(file.services.map(({ service }) => service));
    const template = backends.find(({ name }) => name === "my-backend-worker-2");
    expect(template?.entry).toBe(path.join(examples, "backend-worker/src/index.ts"));
    expect(template?.bindings).toContainEqual({ kind: "text", name: "WORKER_NAME", value: "my-backend-worker-2" });
  });

  it("include what only another backend binds", () => {
    const services = [{ binding: "PROFILE_APP", service: "motr-profile" }];
    expect(backendWorkers({ ...file, services }, examples).map(({ name }) => name)).toEqual([
      "motr-profile",
      "motr-enclave",
    ]);
  });

  it("are refused when a binding leads nowhere", () => {
    const services = [{ binding: "BILLING_APP", service: "motr-billing" }];
    expect(() => backendWorkers({ ...file, services }, examples)).toThrow("BILLING_APP is bound to motr-billing");
  });
});
