// How the checks and the test command count, stop and end: with steps and reports made for one case each, and real child processes.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { runSteps, type Step } from "../../scripts/check.ts";
import { findInterfaceProblems } from "../../scripts/check-backend-interface.ts";
import { runTool, withDescendants } from "../../scripts/run-tool.ts";
import { judge, type Report } from "../../scripts/test.ts";

const folders: string[] = [];
const newFolder = () => {
  const folder = mkdtempSync(join(tmpdir(), "check-"));
  folders.push(folder);
  return folder;
};
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

describe("the steps of the check", () => {
  const step = (name: string, problems: readonly string[] = []): Step => ({ name, run: async () => problems });
  const run = async (steps: readonly Step[]) => {
    const lines: string[] = [];
    return { tally: await runSteps(steps, (line) => lines.push(line)), lines };
  };

  it("all pass with one line each", async () => {
    const { tally, lines } = await run([step("one"), step("two")]);
    expect(tally).toEqual({ passed: 2, failed: 0 });
    expect(lines).toEqual([
      expect.stringMatching(/^ok {3}one +0\.\d s$/),
      expect.stringMatching(/^ok {3}two +0\.\d s$/),
    ]);
  });

  it("end at the first that fails, with what it found", async () => {
    const { tally, lines } = await run([step("one"), step("two", ["a.ts:1: bad", "b.ts:2: worse"]), step("three")]);
    expect(tally).toEqual({ passed: 1, failed: 1 });
    expect(lines.slice(1)).toEqual([expect.stringMatching(/^FAIL two/), "a.ts:1: bad", "b.ts:2: worse"]);
  });

  it("fail, not vanish, when a step itself breaks", async () => {
    const broken: Step = { name: "broken", run: () => Promise.reject(new Error("no such file")) };
    const { tally, lines } = await run([broken]);
    expect(tally).toEqual({ passed: 0, failed: 1 });
    expect(lines[1]).toContain("no such file");
  });
});

describe("the verdict on vitest's outcome", () => {
  const passed = { status: "passed" };
  const report: Report = {
    numPassedTests: 2,
    numFailedTests: 0,
    numPendingTests: 0,
    numTodoTests: 0,
    testResults: [{ name: "a.test.ts", status: "passed", assertionResults: [passed, passed] }],
  };
  const verdict = (changes: Partial<Report>, code = 0) =>
    judge({ code, timedOut: false, report: { ...report, ...changes } });

  it("is the tests' own count when all pass", () => {
    expect(verdict({})).toEqual({ passed: 2, failed: 0, reasons: [] });
  });

  it("counts each failed test once", () => {
    const failing = { name: "b.test.ts", status: "failed", assertionResults: [passed, { status: "failed" }] };
    expect(verdict({ numFailedTests: 1, testResults: [failing] }, 1)).toEqual({ passed: 2, failed: 1, reasons: [] });
  });

  it("counts a file that could not be loaded", () => {
    const unloadable = { name: "b.test.ts", status: "failed", assertionResults: [] };
    expect(verdict({ testResults: [...report.testResults, unloadable] }, 1)).toMatchObject({ passed: 2, failed: 1 });
  });

  it("counts skipped tests as failed", () => {
    expect(verdict({ numPendingTests: 1, numTodoTests: 1 })).toMatchObject({ passed: 2, failed: 2 });
  });

  it("is a failure when no test was executed", () => {
    expect(verdict({ numPassedTests: 0, testResults: [] })).toMatchObject({ passed: 0, failed: 1 });
  });

  it("is a failure when vitest says so for another reason", () => {
    expect(verdict({}, 1)).toMatchObject({ passed: 2, failed: 1 });
  });

  it("is a failure when there is no report or the tests hung", () => {
    expect(judge({ code: 0, timedOut: false, report: undefined })).toMatchObject({ passed: 0, failed: 1 });
    expect(judge({ code: 1, timedOut: true, report })).toMatchObject({ passed: 0, failed: 1 });
  });
});

describe("a tool that is run", () => {
  it("answers with its code and what it printed on both streams", async () => {
    const run = await runTool("node", ["-e", "console.log('out'); console.error('err'); process.exitCode = 3"], {
      timeoutMs: 20_000,
    });
    expect(run).toMatchObject({ code: 3, timedOut: false });
    expect(run.output).toMatch(/out[\s\S]*err/);
  });

  it("is ended at its deadline together with what it started", async () => {
    const pidFile = join(newFolder(), "pid");
    const run = await runTool("sh", ["-c", `sleep 600 & echo $! > "${pidFile}"; wait`], { timeoutMs: 1_500 });
    expect(run).toMatchObject({ code: 1, timedOut: true });
    const pid = Number(readFileSync(pidFile, "utf8"));
    await expect.poll(() => isAlive(pid)).toBe(false);
  });

  it("is a failure when it does not exist", async () => {
    expect((await runTool("no-such-tool", [], { timeoutMs: 1_000 })).code).toBe(127);
  });

  it("has as descendants its children and theirs, and nobody else", () => {
    const processes = [
      { pid: 2, parent: 1 },
      { pid: 3, parent: 2 },
      { pid: 4, parent: 3 },
      { pid: 5, parent: 1 },
    ];
    expect(withDescendants(2, processes)).toEqual([2, 3, 4]);
    expect(withDescendants(5, processes)).toEqual([5]);
  });
});

/** A killed process that nobody has reaped yet still answers signal 0, so its state is read where there is one. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

describe("the two copies of the backend interface", () => {
  const tree = (plane: string, template: string) => {
    const root = newFolder();
    mkdirSync(join(root, "src/contracts"), { recursive: true });
    mkdirSync(join(root, "examples/backend-worker/src"), { recursive: true });
    writeFileSync(join(root, "src/contracts/backend-worker.ts"), plane);
    writeFileSync(join(root, "examples/backend-worker/src/interfaces.ts"), template);
    return root;
  };

  it("may open with a comment of their own", () => {
    expect(
      findInterfaceProblems(
        tree("// Plane.\n\nexport type A = 1;\n", "// Template.\n// Two lines.\n\nexport type A = 1;\n"),
      ),
    ).toEqual([]);
  });

  it("must not differ in anything else", () => {
    expect(findInterfaceProblems(tree("// A.\nexport type A = 1;\n", "// A.\nexport type A = 2;\n"))).toHaveLength(1);
    expect(findInterfaceProblems(tree("// A.\nexport type A = 1; // x\n", "// A.\nexport type A = 1;\n"))).toHaveLength(
      1,
    );
  });
});
