// `npm run simulate -- balancing`: every contender on the contract's scenario, least-connections against own counts over fleets and staleness,
// a pool of 200, an instance that fails quickly, a retry storm. Prints as it goes; says whether every target is met.

import type { BalancingOptions } from "./balancing-options.ts";
import {
  HEADINGS,
  isMet,
  percent,
  rowOf,
  type Summary,
  summarise,
  type Target,
  targetLine,
} from "./balancing-report.ts";
import {
  CONTENDERS,
  type Contender,
  HEALTH_AWARE,
  LEAST_CONNECTIONS,
  OMNISCIENT,
  OWN_COUNTS,
  PEAK_EWMA,
  ROUND_ROBIN,
} from "./contenders.ts";
import { runScenario } from "./run-scenario.ts";
import {
  CALLS_PER_SECOND_MAX,
  FLAKY,
  FLEETS,
  HEADLINE,
  type Scenario,
  STALENESS_MS,
  STORM,
  STORM_AT_MS,
  TRIES_MAX,
} from "./scenarios.ts";

type Print = (line: string) => void;
type Study = { readonly seeds: readonly number[]; readonly quick: boolean; readonly print: Print };

const SEEDS = 3;
const QUICK_SECONDS = 15;
const SWEEP_SECONDS = 15;
/** A fleet of a thousand takes as long for one second as the headline for ten. */
const LARGE_SECONDS = 10;
/** The contract's bounds. */
const OF_ROUND_ROBIN = 0.07;
const OF_OWN_COUNTS = 0.75;
const NEVER_ABOVE_OWN_COUNTS = 1.1;
const AMPLIFICATION = 1.2;
/** Of what round-robin loses on an instance that fails half of what it is sent. */
const FLAKY_LOSS = 0.5;

export function simulateBalancing({ seed, quick }: BalancingOptions, print: Print): boolean {
  const seeds = Array.from({ length: quick ? 1 : SEEDS }, (_, at) => seed + at);
  const study: Study = { seeds, quick, print };
  print(`balancing: seeds ${seeds.join(", ")}${quick ? ", quick" : ""}`);
  print(ASSUMED);
  const targets = [
    ...studyHeadline(study),
    ...(quick ? [] : studyFleets(study)),
    ...(quick ? [] : studyLargePools(study)),
    ...studyFlaky(study),
    ...studyStorm(study),
  ];
  print(["", ...targets.map(targetLine)].join("\n"));
  return targets.every(isMet);
}

const ASSUMED = `Requests arrive at random (Poisson), each at a random isolate. An instance serves 4 at a time, the others wait in line; a request takes 10 ms on
average (exponential), 4 times that where it begins on a slow instance. At any time a fifth of the instances is slow, drawn anew every second.
Load 90 %: of what the pool can do while those are slow. Staleness T: each isolate calls the registry every T, at times of its own, so that what
it knows of the others is T old on average, and 2 T at most. The wire takes no time. The first 3 s are not measured.`;

function play(study: Study, scenario: Scenario, contender: Contender): Summary {
  const seconds = study.quick ? Math.min(scenario.seconds, QUICK_SECONDS) : scenario.seconds;
  return summarise(study.seeds.map((seed) => runScenario({ ...scenario, seconds }, contender, seed)));
}

function studyHeadline(study: Study): Target[] {
  study.print(`\n16 isolates, 12 instances × 4 slots, a fifth 4 × slow, 90 % load, 50 ms stale\n${HEADINGS}`);
  const compared = study.quick ? [OMNISCIENT, ROUND_ROBIN, OWN_COUNTS, LEAST_CONNECTIONS] : CONTENDERS;
  const p99s = new Map<Contender, number>();
  for (const contender of compared) {
    const summary = play(study, HEADLINE, contender);
    p99s.set(contender, summary.p99Ms);
    study.print(rowOf(contender.name, summary));
  }
  const ratio = (to: Contender): number => (p99s.get(LEAST_CONNECTIONS) ?? 0) / (p99s.get(to) ?? 0);
  return [
    { what: "least-connections p99 ÷ round-robin", value: ratio(ROUND_ROBIN), max: OF_ROUND_ROBIN },
    { what: "least-connections p99 ÷ own counts only", value: ratio(OWN_COUNTS), max: OF_OWN_COUNTS },
  ];
}

function studyFleets(study: Study): Target[] {
  study.print("\n12 instances: p99 of least-connections, ms, and ÷ that of own counts only");
  study.print(
    `${"isolates".padEnd(10)}${"own counts".padStart(12)}${STALENESS_MS.map((T) => `T ${T} ms`.padStart(18)).join("")}`,
  );
  const ratios = FLEETS.flatMap((isolates) => {
    const scenario = { ...HEADLINE, isolates, seconds: isolates > 100 ? LARGE_SECONDS : SWEEP_SECONDS };
    const own = play(study, scenario, OWN_COUNTS).p99Ms;
    const found = STALENESS_MS.map((staleMs) => {
      if ((isolates * 1_000) / staleMs > CALLS_PER_SECOND_MAX) return undefined;
      return play(study, { ...scenario, staleMs }, LEAST_CONNECTIONS).p99Ms;
    });
    const cells = found.map((p99Ms) =>
      p99Ms === undefined ? "–" : `${p99Ms.toFixed(0)} (${(p99Ms / own).toFixed(2)})`,
    );
    study.print(
      `${isolates}`.padEnd(10) + own.toFixed(0).padStart(12) + cells.map((cell) => cell.padStart(18)).join(""),
    );
    return found.flatMap((p99Ms) => (p99Ms === undefined ? [] : [p99Ms / own]));
  });
  const what = "least-connections p99 ÷ own counts only, the worst of all fleets and staleness up to 1 s";
  return [{ what, value: Math.max(...ratios), max: NEVER_ABOVE_OWN_COUNTS }];
}

function studyLargePools(study: Study): Target[] {
  return [16, 1_000].flatMap((isolates) => {
    const scenario = {
      ...HEADLINE,
      isolates,
      instances: 200,
      staleMs: isolates === 16 ? 50 : 1_000,
      seconds: LARGE_SECONDS / 2,
    };
    study.print(`\n${isolates} isolates, 200 instances, ${scenario.staleMs} ms stale\n${HEADINGS}`);
    const p99s = [OMNISCIENT, ROUND_ROBIN, OWN_COUNTS, LEAST_CONNECTIONS, PEAK_EWMA].map((contender) => {
      const summary = play(study, scenario, contender);
      study.print(rowOf(contender.name, summary));
      return summary.p99Ms;
    });
    const [, , own = Number.NaN, least = Number.NaN] = p99s;
    const what = `least-connections p99 ÷ own counts only, ${isolates} isolates and 200 instances`;
    return [{ what, value: least / own, max: NEVER_ABOVE_OWN_COUNTS }];
  });
}

function studyFlaky(study: Study): Target[] {
  study.print(
    "\none of 12 instances answers half of what it is sent with 503 within 1 ms, 50 % load, 800 ms stale, no retries: requests lost",
  );
  const lost = (contender: Contender): number => {
    const { failedShare } = play(study, FLAKY, contender);
    study.print(`${contender.name.padEnd(20)}${percent(failedShare).padStart(12)}`);
    return failedShare;
  };
  const [inTurn, ...others] = [ROUND_ROBIN, HEALTH_AWARE, PEAK_EWMA].map(lost);
  lost(LEAST_CONNECTIONS);
  const [aware = Number.NaN, peak = Number.NaN] = others.map((share) => share / (inTurn ?? Number.NaN));
  return [
    { what: "lost to the failing instance, health-aware ÷ round-robin", value: aware, max: FLAKY_LOSS },
    { what: "lost to the failing instance, peak-ewma ÷ round-robin", value: peak, max: FLAKY_LOSS },
  ];
}

/** What a quiet time saves up may be spent in the storm: it counts with the requests that earned it. */
function studyStorm(study: Study): Target[] {
  const { amplification, stormAmplification } = play(study, STORM, ROUND_ROBIN);
  study.print(
    `\nretry storm: from ${STORM_AT_MS / 1_000} s on everything fails, and each request would be tried ${TRIES_MAX} times. Tries for each request, what quiet seconds saved up included: ${stormAmplification.toFixed(3)} while it fails, ${amplification.toFixed(3)} over the whole run`,
  );
  return [{ what: "retry storm, tries for each request over the whole run", value: amplification, max: AMPLIFICATION }];
}
