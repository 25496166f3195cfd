// The state folder: whether any object was ever written, whatever else lies in it.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openStateFolder } from "../../scripts/start/state-folder.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), "signalbox-state-"));
  mkdirSync(path.join(dir, "objects", "Session"), { recursive: true });
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const isEmpty = (): boolean => {
  const folder = openStateFolder(dir);
  folder.release();
  return folder.isEmpty;
};
const DATABASE = `${"0a".repeat(32)}.sqlite`;

describe("a state folder", () => {
  it("is empty until an object has its database", () => {
    expect(isEmpty()).toBe(true);
    writeFileSync(path.join(dir, "objects", "Session", "metadata.sqlite"), "");
    expect(isEmpty()).toBe(true);
    writeFileSync(path.join(dir, "objects", "Session", DATABASE), "");
    expect(isEmpty()).toBe(false);
  });

  it("is made with all the folders above it, and refused in one line where nothing can be made", () => {
    const below = openStateFolder(path.join(dir, "a", "b", "c"));
    below.release();
    expect(below.isEmpty).toBe(true);
    expect(() => openStateFolder("/proc/none/such")).toThrow(
      /^state folder \/proc\/none\/such is not writable: ENOENT/,
    );
  });

  it("is read past files that lie beside the folders of the classes", () => {
    for (const stray of [".DS_Store", DATABASE]) writeFileSync(path.join(dir, "objects", stray), "");
    expect(isEmpty()).toBe(true);
    writeFileSync(path.join(dir, "objects", "Session", DATABASE), "");
    expect(isEmpty()).toBe(false);
  });
});
