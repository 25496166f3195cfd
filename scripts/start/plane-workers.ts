// Which Workers `npm start` runs: the plane as its wrangler.jsonc describes it, and behind each of its service
// bindings an example app or an instance of the backend template. Decides nothing about how they are run.

import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { StartProblem } from "./start-problem.ts";
import type { WorkerBinding, WorkerSpec } from "./worker-spec.ts";
import { readWranglerFile, type WranglerFile } from "./wrangler-file.ts";

/** Bindings that discovery finds (R14) lead to the template, deployed under as many names as there are. */
const DISCOVERED = /^BACKEND_SERVICE_\d+$/;

/** What the plane is told beyond its wrangler.jsonc. */
export type PlaneValues = {
  /** Replace the file's `vars` of the same name. */
  readonly vars: Readonly<Record<string, string>>;
  /** Names of secrets that have a value. */
  readonly secrets: Iterable<string>;
  readonly version: { readonly id: string; readonly tag: string; readonly timestamp: string };
};

export function planeWorker(file: WranglerFile, values: PlaneValues): WorkerSpec {
  const secrets: WorkerBinding[] = [...values.secrets].map((name) => ({ kind: "secret", name }));
  const version: WorkerBinding[] = file.version_metadata
    ? [{ kind: "json", name: file.version_metadata.binding, value: values.version }]
    : [];
  const spec = workerOf({ ...file, vars: { ...file.vars, ...values.vars } }, file.name ?? "plane");
  return { ...spec, bindings: [...spec.bindings, ...version, ...secrets] };
}

/** One Worker per service that the plane, or one of these Workers, binds. */
export function backendWorkers(plane: WranglerFile, examples: string): readonly WorkerSpec[] {
  const apps = readApps(examples);
  const named = new Map<string, WorkerSpec>();
  const wanted = [...plane.services];
  for (const { binding, service } of wanted) {
    if (named.has(service)) continue;
    const app = DISCOVERED.test(binding) ? templateNamed(examples, service) : apps.get(service);
    if (app === undefined)
      throw new StartProblem(`${binding} is bound to ${service}, which no folder of ${examples} is`);
    named.set(service, workerOf(app, service));
    wanted.push(...app.services);
  }
  return [...named.values()];
}

/** The wrangler.jsonc of every example app. */
export function appFiles(examples: string): readonly string[] {
  const folder = path.join(examples, "apps");
  const files = existsSync(folder) ? readdirSync(folder).map((name) => path.join(folder, name, "wrangler.jsonc")) : [];
  return files.filter((file) => existsSync(file)).sort();
}

const readApps = (examples: string): ReadonlyMap<string, WranglerFile> =>
  new Map(
    appFiles(examples)
      .map((file) => readWranglerFile(file))
      .map((app) => [app.name ?? "", app]),
  );

/** The template has no name of its own: whoever deploys it says which (R03, R24). */
function templateNamed(examples: string, name: string): WranglerFile {
  const template = readWranglerFile(path.join(examples, "backend-worker", "wrangler.jsonc"));
  return { ...template, vars: { ...template.vars, WORKER_NAME: name } };
}

function workerOf(file: WranglerFile, name: string): WorkerSpec {
  const objects = file.durable_objects.bindings.map(
    (one): WorkerBinding => ({ kind: "objects", name: one.name, className: one.class_name }),
  );
  const buckets = file.r2_buckets.map(
    (one): WorkerBinding => ({ kind: "bucket", name: one.binding, bucket: one.bucket_name }),
  );
  return {
    name,
    entry: file.entry,
    compatibilityDate: file.compatibility_date,
    compatibilityFlags: file.compatibility_flags,
    bindings: [...variables(file.vars), ...services(file), ...objects, ...buckets],
  };
}

const variables = (vars: Readonly<Record<string, unknown>>): readonly WorkerBinding[] =>
  Object.entries(vars).map(([name, value]) =>
    typeof value === "string" ? { kind: "text", name, value } : { kind: "json", name, value },
  );

const services = (file: WranglerFile): readonly WorkerBinding[] =>
  file.services.map(({ binding, service, entrypoint }) => ({
    kind: "service",
    name: binding,
    service,
    ...(entrypoint === undefined ? {} : { entrypoint }),
  }));
