// `npm test`: every check, then every test, then one plain line with what passed and failed. Ends by itself, whatever hangs.
// Arguments go to vitest: `npm test -- --project node test/policies`. Nothing executed, or anything skipped, is a failure.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runSteps, STEPS, type Tally } from "./check.ts";
import { runTool } from "./run-tool.ts";

const TESTS_TIMEOUT_MS = 60 * 60_000;

/** What is read of vitest's JSON report. */
export type Report = {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
};

/** How vitest ended: its exit code, whether it hung, and its report if it got as far as writing one. */
export type Outcome = { readonly code: number; readonly timedOut: boolean; readonly report: Report | undefined };

/** What vitest's outcome comes to, and a reason for each failure its own output may not name. */
export function judge({ code, timedOut, report }: Outcome): Tally & { readonly reasons: readonly string[] } {
  if (timedOut)
    return { passed: 0, failed: 1, reasons: [`the tests were ended after ${TESTS_TIMEOUT_MS / 60_000} minutes`] };
  if (report === undefined) return { passed: 0, failed: 1, reasons: ["vitest wrote no report"] };
  const skipped = report.numPendingTests + report.numTodoTests;
  const broken = report.testResults.filter(isBrokenFile).map(({ name }) => `${name}: failed outside its tests`);
  const reasons = [...broken, ...(skipped > 0 ? [`${skipped} tests were skipped`] : [])];
  const failed = report.numFailedTests + broken.length + skipped;
  if (failed === 0 && report.numPassedTests === 0) return { passed: 0, failed: 1, reasons: ["no test was executed"] };
  if (failed === 0 && code !== 0)
    return { passed: report.numPassedTests, failed: 1, reasons: [`vitest ended with code ${code}`] };
  return { passed: report.numPassedTests, failed, reasons };
}

/** A file that could not be loaded, or whose hooks failed, has no failed test that would count. */
const isBrokenFile = ({ status, assertionResults }: Report["testResults"][number]): boolean =>
  status === "failed" && assertionResults.every((test) => test.status !== "failed");

async function runTests(args: readonly string[]): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), "signalbox-tests-"));
  const file = join(folder, "report.json");
  const fixed = ["run", "--reporter=default", "--reporter=json", `--outputFile.json=${file}`, "--allowOnly=false"];
  try {
    const { code, timedOut } = await runTool("vitest", [...fixed, ...args], {
      timeoutMs: TESTS_TIMEOUT_MS,
      show: true,
    });
    return { code, timedOut, report: readReport(file) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readReport(file: string): Report | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Report;
  } catch {
    return undefined;
  }
}

if (import.meta.main) {
  const checks = await runSteps(STEPS, console.log);
  const tests = judge(await runTests(process.argv.slice(2)));
  for (const reason of tests.reasons) console.log(reason);
  if (checks.failed > 0) console.log("a check failed: its step is marked FAIL above the tests");
  const failed = checks.failed + tests.failed;
  console.log(`${checks.passed + tests.passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}
