// `npm run dev`: the plane and its example backends under `wrangler dev`, reloaded when a source changes.
// Same bindings, secrets and first configuration as `npm start`, but a state of its own and a development proxy's speed.

import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { readSecrets } from "./start/dev-vars.ts";
import { appFiles, backendWorkers, planeWorker } from "./start/plane-workers.ts";
import { readConfig } from "./start/read-config.ts";
import { StartProblem } from "./start/start-problem.ts";
import type { WorkerSpec } from "./start/worker-spec.ts";
import { readWranglerFile } from "./start/wrangler-file.ts";

const ROOT = path.dirname(import.meta.dirname);
const EXAMPLES = path.join(ROOT, "examples");
/** Wrangler finds Workers of other checkouts through a registry that is shared by default. */
const FOLDER = path.join(ROOT, ".signalbox", "dev");
const PORT_DEFAULT = "8787";

try {
  run(wranglerArguments(process.argv.slice(2)));
} catch (error) {
  if (!(error instanceof StartProblem)) throw error;
  process.stderr.write(`signalbox: ${error.message}\n`);
  process.exitCode = 1;
}

/** The plane's own file comes first: that is the Worker which gets the port. What the caller asked for goes before ours. */
function wranglerArguments(asked: readonly string[]): readonly string[] {
  const file = readWranglerFile(path.join(ROOT, "wrangler.jsonc"));
  // Wrangler reads .dev.vars by itself: the values pass neither through here nor through a command line.
  // It reads those of wrangler.jsonc's `secrets` only, so the alias can't stand for ADMIN_SECRET here.
  const secrets = readSecrets(path.join(ROOT, ".dev.vars"), { ORCHESTRATOR_API_KEY: "" });
  const version = { id: "", tag: "", timestamp: "" };
  const plane = planeWorker(file, { vars: {}, secrets: secrets.keys(), version });
  const initial = { ...readConfig(path.join(EXAMPLES, "signalbox.jsonc"), plane), initial: true };
  const configs = [
    path.join(ROOT, "wrangler.jsonc"),
    ...appFiles(EXAMPLES),
    ...templateFiles(backendWorkers(file, EXAMPLES)),
  ];
  const port = asked.some((arg) => /^--port(?:=|$)/.test(arg)) ? [] : ["--port", process.env.PORT || PORT_DEFAULT];
  return [
    "dev",
    ...configs.flatMap((config) => ["--config", config]),
    ...["--persist-to", path.join(FOLDER, "state"), "--var", `CONFIG_FILE:${JSON.stringify(initial)}`],
    ...port,
    ...asked,
  ];
}

/** The template has no name of its own, and wrangler takes names from files when it runs several Workers. */
function templateFiles(backends: readonly WorkerSpec[]): readonly string[] {
  mkdirSync(FOLDER, { recursive: true });
  const template = path.join(EXAMPLES, "backend-worker");
  return backends.filter(({ entry }) => entry.startsWith(template + path.sep)).map(writeConfig);
}

function writeConfig({ name, entry, compatibilityDate, compatibilityFlags, bindings }: WorkerSpec): string {
  const file = path.join(FOLDER, `${name}.json`);
  const vars = Object.fromEntries(bindings.flatMap((one) => (one.kind === "text" ? [[one.name, one.value]] : [])));
  const config = {
    ...{ name, main: entry, vars },
    compatibility_date: compatibilityDate,
    compatibility_flags: compatibilityFlags,
  };
  writeFileSync(file, JSON.stringify(config, null, 2));
  return file;
}

function run(args: readonly string[]): void {
  const child = spawn(path.join(ROOT, "node_modules", ".bin", "wrangler"), args, {
    cwd: ROOT,
    stdio: "inherit",
    env: {
      ...process.env,
      WRANGLER_REGISTRY_PATH: path.join(FOLDER, "registry"),
      WRANGLER_SEND_METRICS: "false",
      WRANGLER_HIDE_BANNER: "true",
    },
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => child.kill(signal));
  child.once("exit", (code) => {
    process.exitCode = code ?? 0;
  });
}
