// `npm run simulate -- limits` and `-- balancing`: the plane's pure policies under a thousand isolates in virtual time. Of limits a missed
// target is a finding; of balancing it fails the run.

import { BALANCING_USAGE, readBalancingOptions } from "./simulate/balancing/balancing-options.ts";
import { simulateBalancing } from "./simulate/balancing/simulate-balancing.ts";
import { simulateLimits } from "./simulate/limits/simulate-limits.ts";
import { readSimulateOptions } from "./simulate/limits/simulate-options.ts";
import { SimulateProblem } from "./simulate/simulate-problem.ts";

const print = (line: string): void => void process.stdout.write(`${line}\n`);

function simulate(args: readonly string[]): boolean {
  if (args[0] === "balancing") return simulateBalancing(readBalancingOptions(args.slice(1)), print);
  simulateLimits(readSimulateOptions(args), print);
  return true;
}

try {
  process.exitCode = simulate(process.argv.slice(2)) ? 0 : 1;
} catch (error) {
  if (!(error instanceof SimulateProblem)) throw error;
  process.stderr.write(`simulate: ${error.message}\n   or: ${BALANCING_USAGE}\n`);
  process.exitCode = 1;
}
