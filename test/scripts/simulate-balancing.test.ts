// The simulation of balancing in small: it names its runs by seeds, meets the contract's targets, and finds who does not.

import { describe, expect, it } from "vitest";
import { readBalancingOptions } from "../../scripts/simulate/balancing/balancing-options.ts";
import { isMet, summarise, targetLine } from "../../scripts/simulate/balancing/balancing-report.ts";
import {
  type Contender,
  LEAST_CONNECTIONS,
  OMNISCIENT,
  OWN_COUNTS,
  ROUND_ROBIN,
} from "../../scripts/simulate/balancing/contenders.ts";
import { runScenario } from "../../scripts/simulate/balancing/run-scenario.ts";
import { HEADLINE, STORM } from "../../scripts/simulate/balancing/scenarios.ts";
import { simulateBalancing } from "../../scripts/simulate/balancing/simulate-balancing.ts";
import { SimulateProblem } from "../../scripts/simulate/simulate-problem.ts";

const SHORT = { ...HEADLINE, seconds: 8 };
const p99Of = (contender: Contender, scenario = SHORT, seed = 5): number =>
  summarise([runScenario(scenario, contender, seed)]).p99Ms;

describe("a seed", () => {
  it("names a run, and another number another one", () => {
    const run = (seed: number) => runScenario({ ...SHORT, seconds: 4 }, LEAST_CONNECTIONS, seed);
    expect(run(3)).toEqual(run(3));
    expect(run(4).requests).not.toBe(run(3).requests);
  });

  it("gives every contender the same requests", () => {
    const requests = [OMNISCIENT, ROUND_ROBIN, OWN_COUNTS].map((one) => runScenario(SHORT, one, 9).requests);
    expect(new Set(requests).size).toBe(1);
  });
});

describe("npm run simulate -- balancing --quick", () => {
  it("meets every target and says so", () => {
    const lines: string[] = [];
    expect(simulateBalancing({ seed: 11, quick: true }, (line) => lines.push(line))).toBe(true);
    expect(lines.join("\n")).toContain("PASS  least-connections p99 ÷ round-robin");
    expect(lines.join("\n")).not.toContain("FAIL");
  });

  it("fails where a target is missed", () => {
    const missed = { what: "p99", value: 1.101, max: 1.1 };
    expect([isMet(missed), targetLine(missed)]).toEqual([false, "FAIL  p99: 1.101, at most 1.1"]);
    expect(isMet({ ...missed, value: 1.1 })).toBe(true);
  });
});

describe("the simulation finds", () => {
  it("that round-robin is no least-connections, and own counts are not enough", () => {
    const least = p99Of(LEAST_CONNECTIONS);
    expect(least).toBeLessThan(0.75 * p99Of(OWN_COUNTS));
    expect(p99Of(OWN_COUNTS)).toBeLessThan(0.3 * p99Of(ROUND_ROBIN));
    expect(p99Of(OMNISCIENT)).toBeLessThan(p99Of(OWN_COUNTS));
  });

  it("that whoever follows a stale snapshot of everybody does worse than who looks at nothing else than his own", () => {
    const follows: Contender = {
      ...LEAST_CONNECTIONS,
      choose: ({ slots }) => {
        const loads = slots.map(({ inFlight, others }) => inFlight + others);
        return loads.indexOf(Math.min(...loads));
      },
    };
    expect(p99Of(follows)).toBeGreaterThan(p99Of(OWN_COUNTS));
  });

  it("that a storm of failures is not amplified beyond a fifth, and that nothing is tried again where nothing may be", () => {
    const storm = { ...STORM, seconds: 15 };
    const tries = ({ requests, tries: made }: { requests: number; tries: number }) => made / requests;
    expect(tries(runScenario(storm, ROUND_ROBIN, 5))).toBeLessThanOrEqual(1.2);
    expect(tries(runScenario({ ...storm, retries: false }, ROUND_ROBIN, 5))).toBe(1);
  });
});

describe("the command line", () => {
  it("knows the seed and whether to be quick", () => {
    expect(readBalancingOptions([])).toEqual({ seed: 1, quick: false });
    expect(readBalancingOptions(["--quick", "--seed", "7"])).toEqual({ seed: 7, quick: true });
  });

  it.each([[["more"]], [["--seed", "few"]], [["--seed", "-1"]], [["--speed", "9"]]])("refuses %j", (args) => {
    expect(() => readBalancingOptions(args)).toThrow(SimulateProblem);
  });
});
