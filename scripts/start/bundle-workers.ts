// Turns each Worker's sources into one ES module, as wrangler does when it deploys.

import { existsSync } from "node:fs";
import path from "node:path";
import * as esbuild from "esbuild";
import { StartProblem } from "./start-problem.ts";
import type { WorkerSpec } from "./worker-spec.ts";

/** Writes one bundle per Worker into `folder`, named by `bundleName`; returns when esbuild's own process has been told to end. */
export async function bundleWorkers(workers: readonly WorkerSpec[], folder: string): Promise<void> {
  const missing = workers.find((worker) => !existsSync(worker.entry));
  if (missing) throw new StartProblem(`${missing.entry}, the source of ${missing.name}, doesn't exist`);
  try {
    await esbuild.build({
      entryPoints: workers.map((worker) => ({ in: worker.entry, out: worker.name })),
      outdir: folder,
      bundle: true,
      format: "esm",
      platform: "neutral",
      target: "es2024",
      mainFields: ["browser", "module", "main"],
      conditions: ["workerd", "worker", "browser"],
      external: ["cloudflare:*", "node:*"],
      loader: { ".sql": "text", ".html": "text", ".txt": "text" },
      logLevel: "silent",
    });
  } catch (error) {
    throw new StartProblem(`the sources can't be bundled: ${firstMessage(error)}`);
  } finally {
    await esbuild.stop();
  }
}

function firstMessage(error: unknown): string {
  const [first] = isBuildFailure(error) ? error.errors : [];
  if (first === undefined) return String(error);
  const where = first.location
    ? `${path.relative(process.cwd(), first.location.file)}:${first.location.line}:${first.location.column}: `
    : "";
  return where + first.text;
}

const isBuildFailure = (error: unknown): error is esbuild.BuildFailure =>
  error instanceof Error && Array.isArray(Reflect.get(error, "errors"));
