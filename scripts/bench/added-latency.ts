// What the plane adds to an answer at half load, where no queue hides it: short slices at a fixed rate, of the limit and the plane
// in turn. A neighbour's burst spoils the pair of slices it falls into; which pairs it spoilt is told by the limit alone.

import { readFileSync } from "node:fs";
import { NEW_KEY } from "./bench-document.ts";
import { type Contender, type Group, type GroupName, LIMIT, PLANE } from "./contenders.ts";
import { CONNECTIONS } from "./drive-load.ts";
import { sendAtFixedRate } from "./fixed-rate-client.ts";
import type { Row } from "./play-rounds.ts";
import {
  type Histogram,
  median,
  pairedDifferences,
  pairedRatios,
  quantileMs,
  type Spread,
  shuffled,
  spreadOf,
} from "./statistics.ts";

export type AddedLatency = {
  readonly group: GroupName;
  readonly requestsPerSecond: number;
  /** Over all slices. */
  readonly limitP50Ms: Spread;
  readonly planeP50Ms: Spread;
  /** Plane minus limit, per pair of slices in which the machine was calm. */
  readonly addedP50Ms: Spread;
  readonly pairs: number;
  readonly calmPairs: number;
  /** Over rounds, each of all its slices together. */
  readonly limitP99Ms: Spread;
  readonly planeP99Ms: Spread;
  readonly p99Ratio: Spread;
  readonly errors: number;
};

export type LatencyPlan = {
  readonly groups: readonly Group[];
  /** Says how much each group's limit can do. */
  readonly rows: readonly Row[];
  readonly rounds: number;
  /** Of each contender, in each round. */
  readonly seconds: number;
  readonly print: (line: string) => void;
};

const SLICE_SECONDS = 1;
/** An isolate that had nothing to do for a second first asks its objects anew; a lasting load never shows that. */
const LEAD_SECONDS = 0.3;
/** The machine was calm where the limit's p50 was no further above its best. Chosen without a look at the plane. */
const CALM_RATIO = 1.5;
const SLICE = { seconds: SLICE_SECONDS, leadSeconds: LEAD_SECONDS };
const SIDES = ["limit", "plane"] as const;
type Side = (typeof SIDES)[number];
type Comparison = {
  readonly group: Group;
  readonly contenders: Readonly<Record<Side, Contender>>;
  readonly cookies: readonly string[];
  readonly requestsPerSecond: number;
};
/** Slice p50s and all latencies of one round. */
type Half = { readonly p50sMs: readonly number[]; readonly latency: Histogram; readonly errors: number };
type Round = Readonly<Record<Side, Half>>;

/** Groups without both contenders, or whose limit was not measured, are left out. */
export async function measureAddedLatency(plan: LatencyPlan): Promise<readonly AddedLatency[]> {
  const results: AddedLatency[] = [];
  for (const group of plan.groups) {
    const comparison = comparisonOf(group, plan.rows);
    if (comparison === undefined) continue;
    const rounds: Round[] = [];
    for (let round = 1; round <= plan.rounds; round++) {
      const played = await playRound(comparison, plan.seconds);
      rounds.push(played);
      plan.print(`latency ${round}/${plan.rounds}  ${group.name.padEnd(8)}${describe(comparison, played)}`);
    }
    results.push(summary(comparison, rounds));
  }
  return results;
}

function comparisonOf(group: Group, rows: readonly Row[]): Comparison | undefined {
  const limit = group.contenders.find(({ name }) => name === LIMIT);
  const plane = group.contenders.find(({ name }) => name === PLANE);
  const measured = rows.find((row) => row.group === group.name && row.contender === LIMIT);
  if (limit === undefined || plane === undefined || measured === undefined) return undefined;
  // The client of this part sends the same request again and again.
  if (plane.path.endsWith(NEW_KEY)) return undefined;
  const saturated = median(measured.samples.map(({ requestsPerSecond }) => requestsPerSecond));
  const cookies = readFileSync(group.cookies.file, "utf8").trimEnd().split("\n");
  return { group, contenders: { limit, plane }, cookies, requestsPerSecond: Math.round(saturated / 2) };
}

async function playRound(comparison: Comparison, seconds: number): Promise<Round> {
  const { contenders, cookies, requestsPerSecond } = comparison;
  for (const side of SIDES) await contenders[side].arrange?.();
  const slices: Record<Side, { p50Ms: number; latency: Histogram; errors: number }[]> = { limit: [], plane: [] };
  for (let slice = 0; slice < seconds / SLICE_SECONDS; slice++) {
    for (const side of shuffled(SIDES)) {
      const { ports, path } = contenders[side];
      const load = { ports, path, cookies, requestsPerSecond, connections: CONNECTIONS, ...SLICE };
      const { latency, errors } = await sendAtFixedRate(load);
      slices[side].push({ p50Ms: quantileMs(latency, 0.5), latency, errors });
    }
  }
  const half = (side: Side): Half => ({
    p50sMs: slices[side].map(({ p50Ms }) => p50Ms),
    latency: slices[side].flatMap(({ latency }) => latency),
    errors: slices[side].reduce((sum, { errors }) => sum + errors, 0),
  });
  return { limit: half("limit"), plane: half("plane") };
}

function summary({ group, requestsPerSecond }: Comparison, rounds: readonly Round[]): AddedLatency {
  const p50s = (side: Side) => rounds.flatMap((round) => round[side].p50sMs);
  const limit = p50s("limit");
  const calm = limit.map((p50Ms) => p50Ms <= Math.min(...limit) * CALM_RATIO);
  const added = pairedDifferences(p50s("plane"), limit).filter((_, pair) => calm[pair]);
  const p99s = (side: Side) => rounds.map((round) => quantileMs(round[side].latency, 0.99));
  return {
    group: group.name,
    requestsPerSecond,
    limitP50Ms: spreadOf(limit),
    planeP50Ms: spreadOf(p50s("plane")),
    addedP50Ms: spreadOf(added),
    pairs: limit.length,
    calmPairs: added.length,
    limitP99Ms: spreadOf(p99s("limit")),
    planeP99Ms: spreadOf(p99s("plane")),
    p99Ratio: spreadOf(pairedRatios(p99s("plane"), p99s("limit"))),
    errors: rounds.reduce((sum, { limit, plane }) => sum + limit.errors + plane.errors, 0),
  };
}

const describe = ({ requestsPerSecond }: Comparison, round: Round): string =>
  `at ${requestsPerSecond} req/s: p50 ${SIDES.map((side) => `${side} ${median(round[side].p50sMs).toFixed(2)} ms`).join(", ")}`;
