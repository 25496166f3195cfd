// The commands that the documents name, as package.json offers them: each app on its own port (M27, M28), and the scripts people expect.

import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";

const ROOT = path.resolve(import.meta.dirname, "../..");
const { scripts } = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8")) as {
  scripts: Record<string, string>;
};

const portOf = (script: string): string | undefined => / --port (\d+)/.exec(scripts[script] ?? "")?.[1];

describe("every app runs by itself", () => {
  it.each([
    ["dev:worker", "5165"],
    ["dev:auth", "6165"],
    ["dev:console", "7165"],
    ["dev:profile", "8165"],
    ["dev:search", "9165"],
  ])("%s listens on %s", (script, port) => {
    expect(portOf(script)).toBe(port);
  });

  it("no two of them meet on a port, inspectors included", () => {
    const ports = Object.values(scripts).flatMap((command) => command.match(/(?<=port )\d+/g) ?? []);
    expect(new Set(ports).size).toBe(ports.length);
  });

  it("each names a configuration that is there", () => {
    const files = Object.values(scripts).flatMap((command) => / -c (\S+)/.exec(command)?.[1] ?? []);
    expect(files).toHaveLength(4);
    for (const file of files) expect(readFileSync(path.join(ROOT, file), "utf8")).toContain('"name": "motr-');
  });
});

describe("package.json", () => {
  it.each(["dev", "start", "test", "check", "bench", "deploy:staging", "deploy:production"])("offers %s", (script) => {
    expect(scripts[script]).toBeDefined();
  });
});
