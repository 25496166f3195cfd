// `npm run simulate -- limits`: every scenario in turn, a row as each ends, and at the end what was met. Judges without failing.

import { SimulateProblem } from "../simulate-problem.ts";
import { runScenario, type ScenarioResult } from "./run-scenario.ts";
import { SCENARIOS, type Scenario } from "./scenarios.ts";
import type { SimulateOptions } from "./simulate-options.ts";
import { HEADINGS, rowOf, verdictLines } from "./simulate-report.ts";

/** Prints as it goes, and returns what it printed from. */
export function simulateLimits(
  { requests, seed, only }: SimulateOptions,
  print: (line: string) => void,
): readonly ScenarioResult[] {
  const chosen = SCENARIOS.filter(({ name }) => name.includes(only));
  if (chosen.length === 0) throw new SimulateProblem(`--only: no scenario's name contains "${only}"`);
  const shares = chosen.reduce((sum, { share }) => sum + share, 0);
  const play = (scenario: Scenario, at: number): ScenarioResult => {
    const result = runScenario(scenario, {
      requests: untilUsedUp(scenario, (requests * scenario.share) / shares),
      seed: (seed + Math.imul(at, 0x9e37_79b9)) >>> 0,
    });
    print(rowOf(result));
    return result;
  };
  print(`limits: ${chosen.length} scenarios, 1,000 isolates each, seed ${seed}`);
  print(HEADINGS);
  const results = chosen.map(play);
  print(["", ...verdictLines(results)].join("\n"));
  return results;
}

/** Of a window: by then it is used up wherever more is demanded than it allows. */
const USED_UP = 0.95;

/** At least so many, and as many more as it takes to end late in a window: else the end would cut what the omniscient limiter is ahead by. */
function untilUsedUp({ limit, demand, cost }: Scenario, requests: number): number {
  const perWindow = (limit * demand) / cost;
  return Math.ceil((Math.ceil(requests / perWindow - USED_UP) + USED_UP) * perWindow);
}
