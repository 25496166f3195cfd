// The configuration document a start hands to the plane: read, and refused here by the same code that would refuse it there.
// Whether it is applied is the ControlPlane object's to decide: it compares the digest with that of the file it applied last.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { BindingKind, Bindings } from "../../src/contracts/bindings.ts";
import type { ConfigDocument, ConfigProblem } from "../../src/contracts/config.ts";
import type { Refusal } from "../../src/contracts/refusals.ts";
import { validateDocument } from "../../src/policies/config/validate-document.ts";
import { parseJsonc } from "./jsonc.ts";
import { reasonOf, StartProblem } from "./start-problem.ts";
import type { WorkerBinding, WorkerSpec } from "./worker-spec.ts";

export type GivenConfig = {
  /** SHA-256 of the file's bytes, in hex. */
  readonly digest: string;
  readonly document: ConfigDocument;
};

/** How many of the offending paths the one line names. */
const PROBLEMS_SHOWN = 3;

/** Throws a StartProblem that names `file` and what is wrong in it, checked against the bindings `plane` will have. */
export function readConfig(file: string, plane: WorkerSpec): GivenConfig {
  const bytes = readBytes(file);
  const valid = validateDocument(parseText(file, bytes.toString("utf8")), bindingsOf(plane));
  if (!valid.ok) throw new StartProblem(`config ${file}: ${describe(valid)}`);
  return { digest: createHash("sha256").update(bytes).digest("hex"), document: valid.value.document };
}

function readBytes(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new StartProblem(`config ${file} can't be read: ${reasonOf(error)}`);
  }
}

function parseText(file: string, text: string): unknown {
  try {
    return parseJsonc(text);
  } catch (error) {
    throw new StartProblem(`config ${file}:${reasonOf(error)}`);
  }
}

function describe({ detail, data }: Refusal): string {
  const problems = (data?.problems ?? []) as readonly ConfigProblem[];
  const shown = problems.slice(0, PROBLEMS_SHOWN).map(({ path, message }) => (path ? `${path} ${message}` : message));
  const more = problems.length > PROBLEMS_SHOWN ? [`and ${problems.length - PROBLEMS_SHOWN} more`] : [];
  return [...shown, ...more].join("; ") || (detail ?? "not valid");
}

const KINDS = {
  text: "text",
  secret: "text",
  json: "other",
  service: "service",
  objects: "other",
  bucket: "other",
} as const satisfies Record<WorkerBinding["kind"], BindingKind>;

const bindingsOf = (plane: WorkerSpec): Bindings =>
  new Map(plane.bindings.map(({ name, kind }) => [name, KINDS[kind]]));
