// What a start writes down about its processes, and whom the next start may end: a real process each time.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { bootId, parseProcStat, startTimeOf } from "../../scripts/start/process-identity.ts";
import { endOrphans, writeRunFile } from "../../scripts/start/run-file.ts";

let folder: string;
let file: string;
let sleeper: ChildProcess & { pid: number };
beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), "signalbox-run-"));
  file = path.join(folder, "run.json");
  const child = spawn("sleep", ["60"]);
  await once(child, "spawn");
  sleeper = child as typeof sleeper;
});
afterEach(() => {
  sleeper.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

const record = () => JSON.parse(readFileSync(file, "utf8"));
const rewrite = (change: object) => writeFileSync(file, JSON.stringify({ ...record(), ...change }));

describe("the record of a run", () => {
  it("names the starter and its children with their start times", () => {
    writeRunFile(file, [{ pid: sleeper.pid, name: "workerd" }]);
    expect(record()).toEqual({
      pid: process.pid,
      startTime: startTimeOf(process.pid),
      boot: bootId(),
      children: [{ pid: sleeper.pid, name: "workerd", startTime: startTimeOf(sleeper.pid) }],
    });
  });

  it("lets the next start end what is left, and is removed", async () => {
    writeRunFile(file, [{ pid: sleeper.pid, name: "workerd" }]);
    const ended = once(sleeper, "exit");
    await endOrphans(file);
    expect(startTimeOf(sleeper.pid)).toBeUndefined();
    expect(await ended).toEqual([null, "SIGKILL"]);
    expect(existsSync(file)).toBe(false);
  });

  it.each([
    ["another start time", () => rewrite({ children: [{ pid: sleeper.pid, name: "workerd", startTime: "1" }] })],
    ["another boot", () => rewrite({ boot: "another" })],
    ["no children", () => rewrite({ children: [] })],
    ["no sense", () => writeFileSync(file, `{"pid":${"9".repeat(5)}`)],
    ["processes no plane may end", () => rewrite({ children: [{ pid: -1, name: "workerd", startTime: "" }] })],
  ])("with %s ends nobody", async (_, spoil) => {
    writeRunFile(file, [{ pid: sleeper.pid, name: "workerd" }]);
    spoil();
    await endOrphans(file);
    expect(startTimeOf(sleeper.pid)).toBeDefined();
    expect(existsSync(file)).toBe(false);
  });

  it("that isn't there ends nobody", async () => {
    await endOrphans(file);
    expect(startTimeOf(sleeper.pid)).toBeDefined();
  });
});

describe("a process's start time", () => {
  const rest = "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19171 20";

  it("is field 22, whatever the program is called", () => {
    expect(parseProcStat(`77 (workerd) S ${rest}`)).toBe("19171");
    expect(parseProcStat(`77 (a) Z (b c)) S ${rest}`)).toBe("19171");
  });

  it("is unknown for one that has ended and only waits to be reaped", () => {
    expect(parseProcStat(`77 (workerd) Z ${rest}`)).toBeUndefined();
  });

  it("is unknown where there is no such process", async () => {
    sleeper.kill("SIGKILL");
    await once(sleeper, "exit");
    expect(startTimeOf(sleeper.pid)).toBeUndefined();
  });
});
