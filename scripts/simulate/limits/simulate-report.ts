// Turns results into the lines people read, and judges them. Pure: from numbers to text.

import type { ScenarioResult } from "./run-scenario.ts";

export const TARGETS = {
  over: 0,
  underShareMax: 0.02,
  /** Smaller limits are stated, not judged. */
  underLimitMin: 1_000,
  callsPerSecondMax: 500,
  requestsMin: 10_000_000,
} as const;

export type Verdict = { readonly target: string; readonly worst: string; readonly met: boolean };

/** Of what an omniscient limiter would have admitted, the share that was not. */
export const underShare = ({ tally: { possible, admitted } }: ScenarioResult): number =>
  (possible - admitted) / Math.max(1, possible);

export function judge(results: readonly ScenarioResult[]): readonly Verdict[] {
  const over = sum(results, ({ tally }) => tally.over);
  const large = results.filter(({ scenario }) => scenario.limit >= TARGETS.underLimitMin);
  return [
    { target: "over-admissions: 0", worst: whole(over), met: over <= TARGETS.over },
    ...(large.length === 0 ? [] : [atMost("under-admission for limits ≥ 1,000: ≤ 2 %", large, UNDER)]),
    atMost("calls/s per object, mean: ≤ 500", results, MEAN),
    atMost("calls/s per object, peak after 5 s: ≤ 500", results, PEAK),
  ];
}

type Measure = {
  readonly of: (result: ScenarioResult) => number;
  readonly max: number;
  readonly show: (value: number) => string;
};
const percent = (share: number): string => `${(share * 100).toFixed(2)} %`;
const whole = (value: number): string => Math.round(value).toLocaleString("en");
const UNDER: Measure = { of: underShare, max: TARGETS.underShareMax, show: percent };
const MEAN: Measure = { of: ({ calls, seconds }) => calls / seconds, max: TARGETS.callsPerSecondMax, show: whole };
const PEAK: Measure = { of: ({ peakPerSecond }) => peakPerSecond, max: TARGETS.callsPerSecondMax, show: whole };

function atMost(target: string, results: readonly ScenarioResult[], { of, max, show }: Measure): Verdict {
  const worst = results.reduce((a, b) => (of(b) > of(a) ? b : a));
  const missed = results.filter((result) => of(result) > max).length;
  const among = missed === 0 ? "" : `, missed by ${missed} of ${results.length} scenarios`;
  return { target, worst: `worst ${show(of(worst))} (${worst.scenario.name})${among}`, met: missed === 0 };
}

const sum = (results: readonly ScenarioResult[], of: (result: ScenarioResult) => number): number =>
  results.reduce((total, result) => total + of(result), 0);

export function verdictLines(results: readonly ScenarioResult[]): readonly string[] {
  const requests = sum(results, ({ tally }) => tally.requests);
  const unanswered = sum(results, ({ tally }) => tally.unanswered);
  return [
    `${whole(requests)} requests${requests < TARGETS.requestsMin ? " (a full run has 10,000,000)" : ""}, ${percent(unanswered / requests)} without an answer in time`,
    ...judge(results).map(({ target, worst, met }) => `${met ? "met    " : "NOT met"}  ${target}: ${worst}`),
  ];
}

const NAME_WIDTH = 22;
const COLUMNS = [
  ["requests", 10],
  ["admitted", 10],
  ["over", 5],
  ["under", 8],
  ["no answer", 10],
  ["calls/s", 8],
  ["peak", 6],
  ["calls÷adm", 10],
  ["rows÷adm", 9],
  ["hours", 7],
  ["deaths", 8],
  ["restarts", 9],
] as const;

const lineOf = (name: string, cells: readonly string[]): string =>
  name.padEnd(NAME_WIDTH) + cells.map((cell, at) => cell.padStart(COLUMNS[at]?.[1] ?? 0)).join("");

export const HEADINGS = lineOf(
  "limit x demand",
  COLUMNS.map(([heading]) => heading),
);

export function rowOf(result: ScenarioResult): string {
  const { scenario, tally, seconds, calls, rows, peakPerSecond, deaths, restarts } = result;
  return lineOf(scenario.name, [
    whole(tally.requests),
    whole(tally.admitted),
    whole(tally.over),
    percent(underShare(result)),
    percent(tally.unanswered / tally.requests),
    (calls / seconds).toFixed(1),
    whole(peakPerSecond),
    (calls / tally.admitted).toFixed(2),
    (rows / tally.admitted).toFixed(2),
    (seconds / 3_600).toFixed(2),
    whole(deaths),
    whole(restarts),
  ]);
}
