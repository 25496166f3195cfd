// `npm run check`: the fast part of the tests, step by step, ending at the first failure with what the tool said.
// scripts/test.ts runs the same steps before the tests.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findInterfaceProblems } from "./check-backend-interface.ts";
import { findLayerProblems } from "./check-layers.ts";
import { findMigrationProblems } from "./check-migrations.ts";
import { ROOT, runTool } from "./run-tool.ts";

const STEP_TIMEOUT_MS = 300_000;

/** `run` answers with everything that is wrong; nothing means passed. */
export type Step = { readonly name: string; readonly run: () => Promise<readonly string[]> };
export type Tally = { readonly passed: number; readonly failed: number };

const tool = (name: string, tool: string, args: readonly string[]): Step => ({
  name,
  run: async () => {
    const { code, timedOut, output } = await runTool(tool, args, { timeoutMs: STEP_TIMEOUT_MS });
    if (timedOut) return [`${tool} was ended after ${STEP_TIMEOUT_MS / 1_000} s`, output];
    return code === 0 ? [] : [output];
  },
});

/** The `types` script with --check, so that both always use the same flags. */
const generatedTypes = (): Step => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { scripts: { types: string } };
  const [name = "wrangler", ...args] = scripts.types.split(" ");
  const step = tool("generated types", name, [...args, "--check"]);
  return {
    ...step,
    run: async () => {
      const problems = await step.run();
      return problems.length === 0 ? [] : [...problems, "Bring them up to date: npm run types"];
    },
  };
};

/** Builds what a deployment would upload, without an account or network. A relative outdir would land beside the config file. */
const bundle: Step = {
  name: "bundle",
  run: async () => {
    const outdir = mkdtempSync(join(tmpdir(), "signalbox-bundle-"));
    const step = tool("bundle", "wrangler", ["deploy", "--dry-run", "--env=", "--outdir", outdir]);
    return step.run().finally(() => rmSync(outdir, { recursive: true, force: true }));
  },
};

export const STEPS: readonly Step[] = [
  generatedTypes(),
  tool("type check", "tsc", ["--noEmit"]),
  tool("lint and format", "biome", ["ci", "--error-on-warnings", "--colors=off", "."]),
  { name: "layers", run: async () => findLayerProblems(ROOT) },
  { name: "migrations", run: async () => findMigrationProblems(join(ROOT, "migrations")) },
  { name: "backend interface", run: async () => findInterfaceProblems(ROOT) },
  bundle,
];

/** One line per step with its time; ends at the first step that fails, after its problems. */
export async function runSteps(steps: readonly Step[], print: (line: string) => void): Promise<Tally> {
  for (const [passed, step] of steps.entries()) {
    const startedAt = performance.now();
    const problems = await step.run().catch((fault: unknown) => [String(fault)]);
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
    print(`${problems.length === 0 ? "ok  " : "FAIL"} ${step.name.padEnd(18)} ${seconds.padStart(5)} s`);
    if (problems.length > 0) {
      for (const problem of problems) print(problem.trimEnd());
      return { passed, failed: 1 };
    }
  }
  return { passed: steps.length, failed: 0 };
}

if (import.meta.main) {
  const { failed } = await runSteps(STEPS, console.log);
  process.exitCode = failed === 0 ? 0 : 1;
}
