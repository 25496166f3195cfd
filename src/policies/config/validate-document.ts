// Decides whether a value may become the configuration: its shape, its schema, and what its fields mean together.
// The ControlPlane object asks it before every write; `POST …/config/validate` and the start script ask it without writing.

import * as v from "valibot";
import type { Bindings } from "../../contracts/bindings.ts";
import { ConfigDocument, type ConfigProblem } from "../../contracts/config.ts";
import { keysOf, listProblems, PROBLEMS_MAX, pathTo } from "../../contracts/problems.ts";
import { ok, type Refusal, type Result, refuse } from "../../contracts/refusals.ts";
import { compileConfig } from "../routing/compile-config.ts";
import { DEPTH_MAX, foreignKeys, isTooDeep } from "./json-shape.ts";
import { salvageDocument } from "./salvage-document.ts";

/** A stored document is one row, and a row holds 2 MB at most. */
export const DOCUMENT_BYTES_MAX = 1_048_576;

export type ValidDocument = {
  readonly document: ConfigDocument;
  /** The document as it is stored. */
  readonly text: string;
  /** What is accepted but doesn't do all it says. */
  readonly warnings: readonly ConfigProblem[];
};

/** Refuses `invalid_config` with every offending field in `problems` (at most 100). */
export function validateDocument(value: unknown, bindings: Bindings): Result<ValidDocument> {
  const tooDeep = refuseTooDeep(value);
  if (tooDeep !== undefined) return tooDeep;
  const foreign = foreignKeys(value);
  const parsed = v.safeParse(ConfigDocument, value);
  if (!parsed.success || foreign.length > 0)
    return misshapen(value, { foreign, issues: parsed.issues ?? [], bindings });
  const { problems, warnings } = compileConfig({ version: 0, document: parsed.output, bindings });
  if (problems.length > 0) return invalidConfig(problems);
  const text = JSON.stringify(parsed.output);
  if (new TextEncoder().encode(text).byteLength > DOCUMENT_BYTES_MAX) {
    return invalidConfig([{ path: "", message: `must be at most ${DOCUMENT_BYTES_MAX} bytes of JSON` }]);
  }
  return ok({ document: parsed.output, text, warnings: warnings.slice(0, PROBLEMS_MAX) });
}

/** The refusal of a value that nests deeper than anything may walk it, if it does. */
export const refuseTooDeep = (value: unknown): Refusal | undefined =>
  isTooDeep(value)
    ? invalidConfig([{ path: "", message: `must not nest deeper than ${DEPTH_MAX} levels` }])
    : undefined;

type Faults = {
  readonly foreign: readonly (readonly (string | number)[])[];
  readonly issues: readonly v.BaseIssue<unknown>[];
  readonly bindings: Bindings;
};

/** Names what doesn't fit the schema together with what can't work in the parts that do. */
function misshapen(value: unknown, { foreign, issues, bindings }: Faults): Refusal {
  const salvage = salvageDocument(value, [...foreign, ...issues.map(keysOf)]);
  const rest =
    salvage === undefined ? [] : compileConfig({ version: 0, document: salvage.document, bindings }).problems;
  return invalidConfig([
    ...foreign.map((keys) => ({ path: pathTo(...keys), message: "is not a known field" })),
    ...listProblems(issues),
    ...rest.map((problem) => relocate(problem, salvage?.routePositions ?? [])),
  ]);
}

/** Routes that were left out of the check shift those behind them. */
const relocate = ({ path, message }: ConfigProblem, positions: readonly number[]): ConfigProblem => ({
  path: path.replace(/^routes\[(\d+)\]/, (_, index: string) => `routes[${positions[Number(index)]}]`),
  message: message.replace(/\broutes\[(\d+)\]/, (_, index: string) => `routes[${positions[Number(index)]}]`),
});

const invalidConfig = (problems: readonly ConfigProblem[]): Refusal =>
  refuse("invalid_config", problems.length === 1 ? "one problem" : `${problems.length} problems`, {
    problems: problems.slice(0, PROBLEMS_MAX),
  });
