// Secrets of a plane on this machine: from the environment, else from .dev.vars, else made once and kept there.
// Values go to workerd's environment and nowhere else: never printed, never written into its configuration.

import { randomBytes } from "node:crypto";
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import path from "node:path";
import { parseEnv } from "node:util";
import { takeLock } from "./process-lock.ts";
import type { Environment } from "./start-options.ts";
import { errorCode, reasonOf, StartProblem } from "./start-problem.ts";

const KEY_BYTES = 32;
const randomKey = (): string => randomBytes(KEY_BYTES).toString("base64url");

/** What every plane needs, and how to make it. */
const GENERATED = { ADMIN_SECRET: randomKey, SESSION_KEYS: () => `k1:${randomKey()}` } as const;
type GeneratedName = keyof typeof GENERATED;

/** Keys for and of other services; ADMIN_ALIAS among them. */
const API_KEY_NAME = /^[A-Za-z_][A-Za-z0-9_]*_API_KEY$/;
/** What the plane takes for ADMIN_SECRET where that is unset. */
const ADMIN_ALIAS = "ORCHESTRATOR_API_KEY";
/** Of an agent that somebody else runs; the plane's own agent has a new one at each start. */
const AGENT_KEY = "EXEC_AGENT_KEY";
const isSecret = (name: string): boolean => name in GENERATED || name === AGENT_KEY || API_KEY_NAME.test(name);
/** Two starts may want to write the file at once; the second waits for the first. */
const LOCK_WAIT_MS = 3_000;

export type DevVars = Readonly<Record<string, string>>;

/** Parsed as dotenv does; a file that isn't there holds nothing. */
export function readDevVars(file: string): DevVars {
  try {
    return parseEnv(readFileSync(file, "utf8")) as DevVars;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return {};
    throw new StartProblem(`${file} can't be read: ${reasonOf(error)}`);
  }
}

/** The environment wins over `file`, and set but empty is set. Makes in `file` what neither has, before it returns. */
export function readSecrets(file: string, environment: Environment): ReadonlyMap<string, string> {
  const missing = (kept: DevVars) => missingFrom({ ...kept, ...environment });
  if (missing(readDevVars(file)).length > 0) underLock(file, () => addMissing(file, missing(readDevVars(file))));
  const all = Object.entries({ ...readDevVars(file), ...environment });
  return new Map(all.filter((entry): entry is [string, string] => isSecret(entry[0]) && entry[1] !== undefined).sort());
}

/** The variable that holds the admin secret: ADMIN_SECRET, unless that is unset and its alias says something. */
export const adminSecretName = (variables: Environment): "ADMIN_SECRET" | typeof ADMIN_ALIAS =>
  variables.ADMIN_SECRET === undefined && variables[ADMIN_ALIAS] ? ADMIN_ALIAS : "ADMIN_SECRET";

const generatedNames = Object.keys(GENERATED) as GeneratedName[];

/** A secret made here would go before the alias that somebody chose. */
const missingFrom = (variables: Environment): GeneratedName[] =>
  generatedNames.filter(
    (name) => variables[name] === undefined && (name !== "ADMIN_SECRET" || adminSecretName(variables) === name),
  );

function underLock(file: string, work: () => void): void {
  try {
    const folder = path.join(path.dirname(file), ".signalbox");
    mkdirSync(folder, { recursive: true });
    const lock = takeLock(path.join(folder, "dev-vars.lock.db"), LOCK_WAIT_MS);
    if (lock === undefined) throw new Error("another start is still writing it");
    try {
      work();
    } finally {
      lock.release();
    }
  } catch (error) {
    throw new StartProblem(`secrets can't be kept in ${file}: ${reasonOf(error)}`);
  }
}

/** One write under the lock: whoever reads meanwhile sees all of it or nothing. */
function addMissing(file: string, names: readonly GeneratedName[]): void {
  if (names.length === 0) return;
  const lines = names.map((name) => `${name}=${GENERATED[name]()}\n`).join("");
  if (existsSync(file)) writeDurably(file, "a", separatorAfter(readFileSync(file, "utf8")) + lines);
  else writeDurably(file, "wx", lines);
}

const separatorAfter = (text: string): string => (text === "" || text.endsWith("\n") ? "" : "\n");

function writeDurably(file: string, flags: "a" | "wx", text: string): void {
  const descriptor = openSync(file, flags, 0o600);
  try {
    writeSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
