// The command line of the balancing simulation, read into one plain value. Pure: touches nothing.

import { parseArgs } from "node:util";
import { SimulateProblem } from "../simulate-problem.ts";

export type BalancingOptions = {
  /** The first of them; a run has several, one after the other. */
  readonly seed: number;
  /** Seconds instead of minutes: the headline, and nothing swept. */
  readonly quick: boolean;
};

export const BALANCING_USAGE = "npm run simulate -- balancing [--seed N] [--quick]";
const FLAGS = { seed: { type: "string", default: "1" }, quick: { type: "boolean", default: false } } as const;

/** `args`: those after the word balancing. Throws a SimulateProblem that names what is wrong. */
export function readBalancingOptions(args: readonly string[]): BalancingOptions {
  const { seed, quick } = parse(args);
  const number = Number(seed);
  if (!Number.isInteger(number) || number < 0 || number > 0xffff)
    throw new SimulateProblem(`--seed must be a whole number from 0 to 65535, not "${seed}"`);
  return { seed: number, quick };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: FLAGS }).values;
  } catch (error) {
    throw new SimulateProblem(`${(error as Error).message}\nusage: ${BALANCING_USAGE}`);
  }
}
