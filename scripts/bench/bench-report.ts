// Turns findings into the tables people read. Pure: from numbers to lines.

import type { AddedLatency } from "./added-latency.ts";
import { type GroupName, LIMIT } from "./contenders.ts";
import type { CostRow } from "./count-costs.ts";
import type { Machine } from "./machine.ts";
import type { ExecFindings } from "./measure-exec.ts";
import type { FaultRow } from "./measure-faults.ts";
import type { SocketRow } from "./measure-sockets.ts";
import type { Row, Sample } from "./play-rounds.ts";
import { pairedRatios, type Spread, spreadOf } from "./statistics.ts";
import { cpuRatio, type Findings, findRow, type Matching, rateRatio, type Verdict } from "./targets.ts";

/** Everything a run says at its end. */
export const reportLines = (findings: Findings, verdicts: readonly Verdict[]): readonly string[] => [
  ...throughputLines(findings.rows),
  ...latencyLines(findings.latencies),
  ...costLines(findings.costs),
  ...matchingLines(findings.matching),
  ...faultLines(findings.faults),
  ...socketLines(findings.sockets),
  ...execLines(findings.exec),
  ...verdictLines(verdicts),
];

const TITLES: Readonly<Record<GroupName, string>> = {
  "1x1": "1 isolate, 1 session, service bindings",
  "1xN": "1 isolate, many sessions, service bindings",
  "4x1": "4 isolates, 1 session, service bindings",
  "4xN": "4 isolates, many sessions, service bindings",
  "new-keys": "1 isolate, 1 session, every request with a key of its own, service bindings",
  origins: "1 isolate, 1 session, HTTP origins",
};

/** `stolen`: share of CPU time the host took during the run. */
export const machineLines = (machine: Machine, stolen: number | undefined): readonly string[] => [
  `machine        ${machine.cores} cores, ${machine.cpu}, ${machine.kernel}`,
  `noise          load average before the start ${machine.loadAverage.toFixed(2)}, ${fixed(stolen && stolen * 100, 1)} % of CPU time stolen by the host during the run`,
  `versions       workerd ${machine.workerd}, node ${machine.node}`,
];

function throughputLines(rows: readonly Row[]): readonly string[] {
  const groups = [...new Set(rows.map(({ group }) => group))];
  return groups.flatMap((group) => [
    "",
    `${group}  ${TITLES[group]}`,
    table([
      ["contender", "req/s", "min–max", "÷ limit", "min–max", "p50 ms", "p99 ms", "CPU µs", "÷ limit", "errors"],
      ...rows.filter((row) => row.group === group).map((row) => throughputCells(row, findRow(rows, group, LIMIT))),
    ]),
  ]);
}

function throughputCells(row: Row, limit: Row | undefined): readonly string[] {
  const over = (pick: (sample: Sample) => number | undefined) =>
    spreadOf(row.samples.map((sample) => pick(sample) ?? Number.NaN));
  const rate = over(({ requestsPerSecond }) => requestsPerSecond);
  const ratio = limit && rateRatio(row, limit);
  return [
    row.contender,
    whole(rate.median),
    `${whole(rate.min)}–${whole(rate.max)}`,
    fixed(ratio?.median, 2),
    ratio === undefined ? "" : `${fixed(ratio.min, 2)}–${fixed(ratio.max, 2)}`,
    fixed(over(({ p50Ms }) => p50Ms).median, 2),
    fixed(over(({ p99Ms }) => p99Ms).median, 1),
    fixed(over(({ cpuMicrosPerRequest }) => cpuMicrosPerRequest).median, 0),
    fixed(limit && cpuRatio(row, limit).median, 2),
    whole(row.samples.reduce((sum, { errors }) => sum + errors, 0)),
  ];
}

function latencyLines(latencies: readonly AddedLatency[]): readonly string[] {
  if (latencies.length === 0) return [];
  const range = ({ median, min, max }: Spread, digits: number) =>
    `${fixed(median, digits)} (${fixed(min, digits)}–${fixed(max, digits)})`;
  return [
    "",
    "latency at half of the limit's load (own open-loop client, 16 connections, slices of 1 s, the first 0.3 s untimed; median, min–max)",
    table([
      [
        "group",
        "req/s",
        "limit p50 ms",
        "plane p50 ms",
        "added p50 ms",
        "calm pairs",
        "limit p99",
        "plane p99",
        "p99 ratio",
        "errors",
      ],
      ...latencies.map((one) => [
        one.group,
        whole(one.requestsPerSecond),
        range(one.limitP50Ms, 2),
        range(one.planeP50Ms, 2),
        range(one.addedP50Ms, 3),
        `${one.calmPairs} of ${one.pairs}`,
        fixed(one.limitP99Ms.median, 2),
        fixed(one.planeP99Ms.median, 2),
        range(one.p99Ratio, 2),
        whole(one.errors),
      ]),
    ]),
  ];
}

function costLines(costs: readonly CostRow[]): readonly string[] {
  if (costs.length === 0) return [];
  return [
    "",
    "objects at saturation, per request",
    table([
      ["load", "requests", "req/s", "calls", "calls/s", "rows", "commits", "fsyncs", "alarms", "errors"],
      ...costs.map((one) => [
        one.name,
        whole(one.requests),
        whole(one.requestsPerSecond),
        fixed(one.callsPerRequest, 4),
        whole(one.callsPerRequest * one.requestsPerSecond),
        fixed(one.rowsPerRequest, 4),
        one.commitsPerRequest === undefined ? "no strace" : fixed(one.commitsPerRequest, 4),
        fixed(one.syncsPerRequest, 4),
        fixed(one.alarmsPerRequest, 4),
        whole(one.errors),
      ]),
    ]),
    ...costs.map(({ name, calls }) => `  ${name}: ${callsText(calls)}`),
  ];
}

const callsText = (calls: CostRow["calls"]): string =>
  Object.entries(calls)
    .toSorted(([, a], [, b]) => b - a)
    .map(([method, perRequest]) => `${method} ${perRequest.toFixed(4)}`)
    .join(", ") || "no calls";

const matchingLines = (matching: readonly Matching[]): readonly string[] =>
  matching.length === 0
    ? []
    : ["", ...matching.map(({ routes, medianNs }) => `matching one of ${routes} routes: median ${medianNs} ns`)];

function faultLines(faults: readonly FaultRow[]): readonly string[] {
  if (faults.length === 0) return [];
  return [
    "",
    "one of four instances fails under 300 GET/s over 4 isolates (own open-loop client)",
    table([
      ["fault", "strategy", "requests", "lost", "p50 ms", "p99 ms", "last sent to it after, ms"],
      ...faults.map(({ fault, strategy, requests, lost, p50Ms, p99Ms, noticedMs }) => [
        fault,
        strategy,
        whole(requests),
        whole(lost),
        fixed(p50Ms, 1),
        fixed(p99Ms, 1),
        fixed(noticedMs, 0),
      ]),
    ]),
  ];
}

function socketLines(sockets: readonly SocketRow[]): readonly string[] {
  const passed = sockets.find(({ way }) => way === "pass")?.echoesPerSecond ?? [];
  if (passed.length === 0) return [];
  return [
    "",
    "16 WebSockets to one echoing origin, 4 messages of 64 bytes on their way in each",
    table([
      ["way", "echoes/s", "min–max", "÷ pass", "min–max"],
      ...sockets.map(({ way, echoesPerSecond }) => {
        const [rate, ratio] = [spreadOf(echoesPerSecond), spreadOf(pairedRatios(echoesPerSecond, passed))];
        const rates = [whole(rate.median), `${whole(rate.min)}–${whole(rate.max)}`];
        return [way, ...rates, fixed(ratio.median, 2), `${fixed(ratio.min, 2)}–${fixed(ratio.max, 2)}`];
      }),
    ]),
  ];
}

const execLines = (exec: ExecFindings | undefined): readonly string[] =>
  exec === undefined
    ? []
    : [
        "",
        "commands run through the plane (echo, one isolate, one agent)",
        `  one after the other: p50 ${fixed(exec.planeP50Ms, 1)} ms, the agent alone ${fixed(exec.agentP50Ms, 1)} ms`,
        `  ${exec.concurrent} at one time: all answered after ${whole(exec.concurrentMs)} ms, ${exec.concurrentFailed} failed`,
      ];

const verdictLines = (verdicts: readonly Verdict[]): readonly string[] =>
  verdicts.length === 0
    ? []
    : [
        "",
        "targets",
        ...verdicts.map(
          ({ target, value, error, met }) =>
            `  ${met ? "met    " : "NOT met"}  ${target}: ${precise(value)}${error === undefined ? "" : ` ± ${error.toFixed(3)}`}`,
        ),
      ];

const whole = (value: number): string => Math.round(value).toLocaleString("en");
const fixed = (value: number | undefined, digits: number): string =>
  value === undefined || Number.isNaN(value) ? "–" : value.toFixed(digits);
const precise = (value: number): string => (value >= 100 ? whole(value) : value.toPrecision(3));

/** The first column to the left, the others to the right. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  ");
  return rows.map((row) => `  ${line(row)}`).join("\n");
}
