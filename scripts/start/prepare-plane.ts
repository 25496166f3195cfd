// Everything a start settles before it launches anything: the Workers, their values, the secrets, the configuration.
// What is wrong here stops the start with nothing begun.

import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { type Announced, commandFor } from "./announcement.ts";
import { adminSecretName, readDevVars, readSecrets } from "./dev-vars.ts";
import { backendWorkers, planeWorker } from "./plane-workers.ts";
import { readConfig } from "./read-config.ts";
import type { Environment } from "./start-options.ts";
import { StartProblem } from "./start-problem.ts";
import type { WorkerSpec } from "./worker-spec.ts";
import { readWranglerFile } from "./wrangler-file.ts";

export type Preparation = {
  readonly root: string;
  readonly environment: Environment;
  readonly configFile: string | undefined;
  /** No object has ever been written. */
  readonly stateIsEmpty: boolean;
};

export type PreparedPlane = {
  readonly plane: WorkerSpec;
  readonly backends: readonly WorkerSpec[];
  readonly secrets: ReadonlyMap<string, string>;
  /** Nobody named an agent: the plane gets one of its own. */
  readonly needsAgent: boolean;
  readonly secret: Announced["secret"];
  readonly app: Announced["app"];
};

/** What one may set per machine, in the environment or in .dev.vars; the rest is wrangler.jsonc's. */
const SETTABLE = [
  ...["ENVIRONMENT", "DEV_MODE", "TRUSTED_HOPS"],
  ...["EXEC_AGENT_URL", "EXEC_OUTPUT_BYTES_MAX", "EXEC_QUEUE_DEADLINE_MS"],
];
/** No proxy of ours stands in front of workerd, one disk gains nothing from replicas, and backends are on this machine. */
const FIXED = {
  CLIENT_IP_SOURCE: "peer",
  ALLOW_PRIVATE_ORIGINS: "true",
  REVOCATION_REPLICAS: "1",
  RATE_LIMIT_SHARDS: "1",
};
/** A page of the example configuration. */
const EXAMPLE_APP = { host: "console.sonr.id", path: "/dashboard" };

export function preparePlane({ root, environment, configFile, stateIsEmpty }: Preparation): PreparedPlane {
  const devVarsFile = path.join(root, ".dev.vars");
  const secrets = readSecrets(devVarsFile, environment);
  const kept = { ...readDevVars(devVarsFile), ...environment };
  const settings = SETTABLE.flatMap((name) => (kept[name] === undefined ? [] : [[name, kept[name]]]));
  const file = readWranglerFile(path.join(root, "wrangler.jsonc"));
  const plane = planeWorker(file, {
    vars: { ...Object.fromEntries(settings), ...FIXED, COMMIT: readCommit(root) },
    secrets: secrets.keys(),
    version: { id: randomUUID(), tag: "", timestamp: new Date().toISOString() },
  });
  return {
    plane: withVariable(plane, "CONFIG_FILE", configVariable(plane, { root, configFile, stateIsEmpty })),
    backends: backendWorkers(file, path.join(root, "examples")),
    secrets,
    needsAgent: kept.EXEC_AGENT_URL === undefined,
    secret: describeSecret(environment, devVarsFile),
    app: configFile === undefined ? EXAMPLE_APP : undefined,
  };
}

/**
 * What the plane is handed to configure itself from: the given file, else the example as a beginning, which counts only
 * while nothing was ever configured. A state that has begun doesn't depend on the example any more.
 */
function configVariable(
  plane: WorkerSpec,
  { root, configFile, stateIsEmpty }: Omit<Preparation, "environment">,
): string {
  if (configFile !== undefined) return JSON.stringify(readConfig(configFile, plane));
  try {
    return JSON.stringify({ ...readConfig(path.join(root, "examples", "signalbox.jsonc"), plane), initial: true });
  } catch (error) {
    if (stateIsEmpty || !(error instanceof StartProblem)) throw error;
    return "";
  }
}

/** The plane that knows its agent. The key is among the secrets, so that it is in no file. */
export function withAgent(
  prepared: PreparedPlane,
  agent: { readonly url: string; readonly key: string },
): PreparedPlane {
  const plane = withVariable(prepared.plane, "EXEC_AGENT_URL", agent.url);
  const bindings = plane.bindings.filter(({ name }) => name !== AGENT_KEY);
  return {
    ...prepared,
    plane: { ...plane, bindings: [...bindings, { kind: "secret", name: AGENT_KEY }] },
    secrets: new Map([...prepared.secrets, [AGENT_KEY, agent.key]]),
  };
}
const AGENT_KEY = "EXEC_AGENT_KEY";

function withVariable(plane: WorkerSpec, name: string, value: string): WorkerSpec {
  return { ...plane, bindings: [...plane.bindings.filter((one) => one.name !== name), { kind: "text", name, value }] };
}

/** Where the admin secret lies, by the name under which it is set. */
export function describeSecret(environment: Environment, file: string): Announced["secret"] {
  const kept = readDevVars(file);
  const name = adminSecretName({ ...kept, ...environment });
  if (environment[name] !== undefined) return { place: `the environment variable ${name}`, command: `$${name}` };
  return { place: `${name} in ${file}`, command: commandFor(name, kept[name] ?? "", readFileSync(file, "utf8")) };
}

/** Empty where this is no checkout or git isn't installed. */
function readCommit(root: string): string {
  if (!existsSync(path.join(root, ".git"))) return "";
  try {
    return execFileSync("git", ["-C", root, "rev-parse", "--short", "HEAD"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  } catch {
    return "";
  }
}
