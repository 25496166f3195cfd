// `npm run simulate -- limits`: the plane's pure policies under a thousand isolates in virtual time. Finds and prints; a missed
// target is a finding, so that only a wrong command line fails.

import { simulateLimits } from "./simulate/limits/simulate-limits.ts";
import { readSimulateOptions, SimulateProblem } from "./simulate/limits/simulate-options.ts";

try {
  simulateLimits(readSimulateOptions(process.argv.slice(2)), (line) => void process.stdout.write(`${line}\n`));
} catch (error) {
  if (!(error instanceof SimulateProblem)) throw error;
  process.stderr.write(`simulate: ${error.message}\n`);
  process.exitCode = 1;
}
