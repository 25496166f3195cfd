// The lock of a state folder, held and lost by real processes.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { takeLock } from "../../scripts/start/process-lock.ts";

const MODULE = path.resolve(import.meta.dirname, "../../scripts/start/process-lock.ts");

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "signalbox-lock-"));
  file = path.join(folder, "lock.db");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Another process that holds the lock once this resolves. */
async function holderProcess() {
  const code = `import { takeLock } from ${JSON.stringify(MODULE)};
    const lock = takeLock(${JSON.stringify(file)});
    console.log(lock ? "held" : "refused");
    setInterval(() => lock, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", code], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [said] = await once(child.stdout, "data");
  expect(String(said).trim()).toBe("held");
  return child;
}

describe("a lock", () => {
  it("is held by one at a time and can be taken again once released", () => {
    const first = takeLock(file);
    expect(first).toBeDefined();
    expect(takeLock(file)).toBeUndefined();
    first?.release();
    expect(takeLock(file)).toBeDefined();
  });

  it("of another process is refused while that lives and free the moment it is killed", async () => {
    const holder = await holderProcess();
    expect(takeLock(file)).toBeUndefined();
    holder.kill("SIGKILL");
    await once(holder, "exit");
    const lock = takeLock(file);
    expect(lock).toBeDefined();
    lock?.release();
  });

  it("is waited for when asked to", async () => {
    const holder = await holderProcess();
    expect(takeLock(file)).toBeUndefined();
    holder.kill("SIGKILL");
    // Taken while the other process is still dying.
    expect(takeLock(file, 5_000)).toBeDefined();
  });

  it("in a file that is something else throws instead of being refused", () => {
    writeFileSync(file, "this is no database, however long it goes on about it. ".repeat(100));
    expect(() => takeLock(file)).toThrow("not a database");
  });
});
