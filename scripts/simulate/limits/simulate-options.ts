// The command line of the simulations, read into one plain value. Pure: touches nothing.

import { parseArgs } from "node:util";
import { SimulateProblem } from "../simulate-problem.ts";

export type SimulateOptions = {
  /** In all scenarios together. */
  readonly requests: number;
  readonly seed: number;
  /** Scenarios whose names contain this text. */
  readonly only: string;
};

const USAGE = "usage: npm run simulate -- limits [--requests N] [--seed N] [--only TEXT]";
const FLAGS = {
  requests: { type: "string", default: "10000000" },
  seed: { type: "string", default: "1" },
  only: { type: "string", default: "" },
} as const;

/** Throws a SimulateProblem that names what is wrong. */
export function readSimulateOptions(args: readonly string[]): SimulateOptions {
  const { values, positionals } = parse(args);
  const [what, ...more] = positionals;
  if (what !== "limits" || more.length > 0) throw new SimulateProblem(USAGE);
  return {
    requests: wholeIn("--requests", values.requests, [1_000, 1_000_000_000]),
    seed: wholeIn("--seed", values.seed, [0, 0xffff_ffff]),
    only: values.only,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: FLAGS, allowPositionals: true });
  } catch (error) {
    throw new SimulateProblem(`${(error as Error).message}\n${USAGE}`);
  }
}

function wholeIn(flag: string, text: string, [min, max]: readonly [number, number]): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new SimulateProblem(`${flag} must be a whole number from ${min} to ${max}, not "${text}"`);
}
