// The configuration file of a start, checked against the project's own bindings.

import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { planeWorker } from "../../scripts/start/plane-workers.ts";
import { readConfig } from "../../scripts/start/read-config.ts";
import { readWranglerFile } from "../../scripts/start/wrangler-file.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const version = { id: "v", tag: "", timestamp: "2026-11-20T00:00:00Z" };
const plane = planeWorker(readWranglerFile(path.join(ROOT, "wrangler.jsonc")), {
  vars: {},
  secrets: ["BACKEND_API_KEY"],
  version,
});

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "signalbox-config-"));
  file = path.join(folder, "plane.jsonc");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("a configuration file", () => {
  it("is known by the digest of its bytes, comments included", () => {
    writeFileSync(file, '{ "domain": "sonr.id" } // mine\n');
    const digest = createHash("sha256").update(readFileSync(file)).digest("hex");
    expect(readConfig(file, plane)).toEqual({ digest, document: { domain: "sonr.id" } });
  });

  it("that comes with the project is valid for the project's bindings", () => {
    expect(readConfig(path.join(ROOT, "examples/signalbox.jsonc"), plane).document.domain).toBe("sonr.id");
  });

  it("may name a secret that has a value as an instance's key, and no service the plane doesn't bind", () => {
    const pool = (instance: object) => JSON.stringify({ pools: { p: { instances: [{ id: "i", ...instance }] } } });
    writeFileSync(file, pool({ url: "http://127.0.0.1:1", apiKeyEnv: "BACKEND_API_KEY" }));
    expect(() => readConfig(file, plane)).not.toThrow();
    writeFileSync(file, pool({ binding: "BACKEND_API_KEY" }));
    expect(() => readConfig(file, plane)).toThrow(`config ${file}: pools.p.instances[0].binding `);
  });

  it("with many faults names the first three on one line", () => {
    writeFileSync(file, JSON.stringify({ a: 1, b: 1, c: 1, d: 1, e: 1 }));
    expect(() => readConfig(file, plane)).toThrow(/: a [^;]+; b [^;]+; c [^;]+; and 2 more$/);
  });
});
