// The command line of the bench, read into one plain value. Pure: touches nothing.

import { parseArgs } from "node:util";
import { BenchProblem } from "./bench-problem.ts";

export type BenchOptions = {
  readonly rounds: number;
  /** Length of one timed window. */
  readonly seconds: number;
  /** How many sessions the groups of many sessions use. */
  readonly sessions: number;
  /** `log.sampleRate` of the plane, 0 to 1. */
  readonly sampleRate: number;
  /** Names of sections, groups and contenders; empty means all. */
  readonly only: readonly string[];
  /** Where the results go as JSON; undefined means bench-results/. */
  readonly json: string | undefined;
};

const USAGE =
  "usage: npm run bench -- [--rounds N] [--seconds S] [--sessions N] [--log 0..1] [--only NAME,…] [--json FILE]";
const FLAGS = {
  rounds: { type: "string", default: "10" },
  seconds: { type: "string", default: "2" },
  sessions: { type: "string", default: "10000" },
  log: { type: "string", default: "0.01" },
  only: { type: "string", default: "" },
  json: { type: "string" },
} as const;

/** Throws a BenchProblem that names the flag; `names` are those `--only` may hold. */
export function readBenchOptions(args: readonly string[], names: readonly string[]): BenchOptions {
  const given = parse(args);
  const only = given.only.split(",").filter((name) => name !== "");
  const unknown = only.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new BenchProblem(`--only knows ${names.join(", ")}, not "${unknown}"`);
  return {
    rounds: numberIn("--rounds", given.rounds, [1, 100]),
    seconds: numberIn("--seconds", given.seconds, [1, 60]),
    sessions: numberIn("--sessions", given.sessions, [2, 100_000]),
    sampleRate: numberIn("--log", given.log, [0, 1], false),
    only,
    json: given.json,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: FLAGS, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new BenchProblem(`${error instanceof Error ? error.message : error}; ${USAGE}`);
  }
}

function numberIn(flag: string, text: string, [min, max]: readonly [number, number], whole = true): number {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (value >= min && value <= max && (!whole || Number.isInteger(value))) return value;
  throw new BenchProblem(`${flag} must be a ${whole ? "whole " : ""}number from ${min} to ${max}, not "${text}"`);
}
