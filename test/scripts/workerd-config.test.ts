// The text that workerd reads, from small made-up Workers; that workerd accepts it is test/journeys/start.test.ts's to show.

import { describe, expect, it } from "vitest";
import { quote } from "../../scripts/start/capnp-text.ts";
import type { WorkerSpec } from "../../scripts/start/worker-spec.ts";
import { workerdConfig } from "../../scripts/start/workerd-config.ts";

const spec = (name: string, bindings: WorkerSpec["bindings"] = []): WorkerSpec => ({
  name,
  entry: `/src/${name}.ts`,
  compatibilityDate: "2026-08-01",
  compatibilityFlags: ["nodejs_compat"],
  bindings,
});
const plane = spec("signalbox", [
  { kind: "objects", name: "CONTROL", className: "ControlPlane" },
  { kind: "service", name: "AUTH_APP", service: "motr-auth" },
  { kind: "secret", name: "ADMIN_SECRET" },
  { kind: "json", name: "VERSION", value: { id: "1" } },
]);
const write = (ports: readonly number[], backends: readonly WorkerSpec[] = []) =>
  workerdConfig({ plane, backends, ports, objects: "/state/objects" });

describe("workerd's configuration", () => {
  it("gives each port a socket and an isolate, and all of them one host for the objects", () => {
    const text = write([9000, 9001]);
    expect(text.match(/address = "127\.0\.0\.1:\d+"/g)).toEqual([
      'address = "127.0.0.1:9000"',
      'address = "127.0.0.1:9001"',
    ]);
    expect(text.match(/name = "edge-\d", worker/g)).toEqual(['name = "edge-0", worker', 'name = "edge-1", worker']);
    expect(text.match(/uniqueKey = "[^"]*"/g)).toEqual(['uniqueKey = "signalbox-ControlPlane"']);
    expect(text).toContain('durableObjectNamespace = (className = "ControlPlane", serviceName = "objects")');
    expect(text).toContain('durableObjectNamespace = "ControlPlane"');
  });

  it("reads secrets from the environment at launch", () => {
    expect(write([9000])).toContain('(name = "ADMIN_SECRET", fromEnvironment = "ADMIN_SECRET")');
  });

  it("hosts the objects of a backend under the backend's own name, and gives none to one without", () => {
    const enclave = spec("motr-enclave", [{ kind: "objects", name: "IDENTITIES", className: "Identity" }]);
    expect(write([9000], [enclave])).toContain('uniqueKey = "motr-enclave-Identity"');
    expect(write([9000], [spec("motr-auth")]).match(/durableObjectStorage/g)).toHaveLength(1);
  });

  it("runs the simulator of buckets where there is a folder for them, and says which bucket is bound", () => {
    const bound = spec("signalbox", [{ kind: "bucket", name: "BACKUPS", bucket: "my-backups" }]);
    const text = workerdConfig({ plane: bound, backends: [], ports: [9000], objects: "/o", buckets: "/state/buckets" });
    expect(text).toContain('(name = "BACKUPS", r2Bucket = (name = "bucket-entry"');
    expect(text).toContain('\\"MINIFLARE_NAMESPACE\\":\\"my-backups\\"');
    expect(text).toContain('path = "/state/buckets"');
    expect(write([9000])).not.toContain("bucket");
  });

  it("names a service's entrypoint only where one is asked for", () => {
    const bound = (entrypoint?: string) =>
      write([9000], [spec("a", [{ kind: "service", name: "B", service: "b", ...(entrypoint ? { entrypoint } : {}) }])]);
    expect(bound()).toContain('(name = "B", service = "b")');
    expect(bound("Admin")).toContain('(name = "B", service = (name = "b", entrypoint = "Admin"))');
  });
});

describe("a string in it", () => {
  it.each([
    ["plain", '"plain"'],
    ['a "b" \\c', '"a \\"b\\" \\\\c"'],
    ["line\nbreak\ttab\u0001\u007f", '"line\\x0abreak\\x09tab\\x01\\x7f"'],
    ["näme 🚦", '"näme 🚦"'],
  ])("%j is written %s", (text, written) => {
    expect(quote(text)).toBe(written);
  });
});
