// What the plane adds to an answer at half load, where no queue hides it: fixed-rate windows of the limit and the plane in turn.

import { readFileSync } from "node:fs";
import { type Contender, type Group, type GroupName, LIMIT, PLANE } from "./contenders.ts";
import { CONNECTIONS } from "./drive-load.ts";
import { sendAtFixedRate } from "./fixed-rate-client.ts";
import type { Row } from "./play-rounds.ts";
import { median, pairedDifferences, pairedRatios, quantileMs, type Spread, shuffled, spreadOf } from "./statistics.ts";

export type AddedLatency = {
  readonly group: GroupName;
  readonly requestsPerSecond: number;
  readonly limitP50Ms: Spread;
  readonly planeP50Ms: Spread;
  readonly limitP99Ms: Spread;
  readonly planeP99Ms: Spread;
  /** Per round, plane minus limit. */
  readonly addedP50Ms: Spread;
  readonly p99Ratio: Spread;
  readonly errors: number;
};

export type LatencyPlan = {
  readonly groups: readonly Group[];
  /** Says how much each group's limit can do. */
  readonly rows: readonly Row[];
  readonly rounds: number;
  readonly seconds: number;
  readonly print: (line: string) => void;
};

type Point = { readonly p50Ms: number; readonly p99Ms: number; readonly errors: number };

/** Groups without both contenders, or whose limit was not measured, are left out. */
export async function measureAddedLatency(plan: LatencyPlan): Promise<readonly AddedLatency[]> {
  const results: AddedLatency[] = [];
  for (const group of plan.groups) {
    const limit = group.contenders.find(({ name }) => name === LIMIT);
    const plane = group.contenders.find(({ name }) => name === PLANE);
    const measured = plan.rows.find((row) => row.group === group.name && row.contender === LIMIT);
    if (limit === undefined || plane === undefined || measured === undefined) continue;
    const saturated = median(measured.samples.map(({ requestsPerSecond }) => requestsPerSecond));
    results.push(await compare({ group, limit, plane, requestsPerSecond: Math.round(saturated / 2) }, plan));
  }
  return results;
}

type Comparison = {
  readonly group: Group;
  readonly limit: Contender;
  readonly plane: Contender;
  readonly requestsPerSecond: number;
};

async function compare(
  { group, limit, plane, requestsPerSecond }: Comparison,
  plan: LatencyPlan,
): Promise<AddedLatency> {
  const cookies = readFileSync(group.cookies.file, "utf8").trimEnd().split("\n");
  const points = { limit: [] as Point[], plane: [] as Point[] };
  for (let round = 1; round <= plan.rounds; round++) {
    for (const who of shuffled(["limit", "plane"] as const)) {
      const { ports, path, arrange } = who === "limit" ? limit : plane;
      await arrange?.();
      const load = { ports, path, requestsPerSecond, seconds: plan.seconds, connections: CONNECTIONS, cookies };
      const { latency, errors } = await sendAtFixedRate(load);
      const point = { p50Ms: quantileMs(latency, 0.5), p99Ms: quantileMs(latency, 0.99), errors };
      points[who].push(point);
      plan.print(
        `latency ${round}/${plan.rounds}  ${group.name.padEnd(8)}${who.padEnd(7)} at ${requestsPerSecond} req/s: p50 ${point.p50Ms.toFixed(2)} ms, p99 ${point.p99Ms.toFixed(2)} ms`,
      );
    }
  }
  return summary(group.name, requestsPerSecond, points);
}

type Points = { readonly limit: readonly Point[]; readonly plane: readonly Point[] };

function summary(group: GroupName, requestsPerSecond: number, { limit, plane }: Points): AddedLatency {
  const p50 = (points: readonly Point[]) => points.map(({ p50Ms }) => p50Ms);
  const p99 = (points: readonly Point[]) => points.map(({ p99Ms }) => p99Ms);
  return {
    group,
    requestsPerSecond,
    limitP50Ms: spreadOf(p50(limit)),
    planeP50Ms: spreadOf(p50(plane)),
    limitP99Ms: spreadOf(p99(limit)),
    planeP99Ms: spreadOf(p99(plane)),
    addedP50Ms: spreadOf(pairedDifferences(p50(plane), p50(limit))),
    p99Ratio: spreadOf(pairedRatios(p99(plane), p99(limit))),
    errors: [...limit, ...plane].reduce((sum, { errors }) => sum + errors, 0),
  };
}
