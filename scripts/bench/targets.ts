// What the plane must reach, and whether it did. Pure: from rows of numbers to verdicts.

import type { AddedLatency } from "./added-latency.ts";
import { type ContenderName, type GroupName, LIMIT, LIMITED, ONE_COMMIT, PER_REQUEST, PLANE } from "./contenders.ts";
import type { CostRow } from "./count-costs.ts";
import type { ExecFindings } from "./measure-exec.ts";
import type { FaultRow } from "./measure-faults.ts";
import type { SocketRow } from "./measure-sockets.ts";
import type { Row, Sample } from "./play-rounds.ts";
import { medianError, pairedRatios, type Spread, spreadOf } from "./statistics.ts";

export const TARGETS = {
  ofLimitMin: 0.85,
  timesPerRequestMin: 7,
  addedP50MsMax: 0.1,
  callsPerRequestMax: 0.03,
  commitsPerRequestMax: 0.01,
  rowsPerRequestMax: 0.02,
  limitedOfUnlimitedMin: 0.95,
  newKeysOfOneCommitMin: 0.6,
  limiterCallsPerRequestMax: 0.05,
  limiterRowsPerRequestMax: 0.05,
  matchMedianNsMax: 5_000,
  lostMax: 0,
  noticedMsMax: 1_000,
  execAddedP50MsMax: 15,
  execFailedMax: 0,
  execGrowthMbMax: 16,
  execStatusOfOneCallMin: 0.7,
} as const;

/** `error`: the standard error of a value that is taken from rounds. */
export type Verdict = {
  readonly target: string;
  readonly value: number;
  readonly error?: number | undefined;
  readonly met: boolean;
};
export type Matching = { readonly routes: number; readonly medianNs: number };

export type Findings = {
  readonly rows: readonly Row[];
  readonly latencies: readonly AddedLatency[];
  readonly costs: readonly CostRow[];
  readonly matching: readonly Matching[];
  readonly faults: readonly FaultRow[];
  readonly sockets: readonly SocketRow[];
  readonly exec?: ExecFindings;
};

/** The group of origins has no target of its own. */
const BINDING_GROUPS: readonly GroupName[] = ["1x1", "1xN", "4x1", "4xN"];

export function judgeFindings(findings: Findings): readonly Verdict[] {
  const { rows, latencies, costs, matching, faults } = findings;
  const { ofLimitMin, timesPerRequestMin, addedP50MsMax, callsPerRequestMax, commitsPerRequestMax, matchMedianNsMax } =
    TARGETS;
  return [
    ...BINDING_GROUPS.flatMap((group) => [
      ...ratioVerdict(rows, { group, to: LIMIT, min: ofLimitMin }),
      ...ratioVerdict(rows, { group, to: PER_REQUEST, min: timesPerRequestMin }),
      ...ratioVerdict(rows, { group, of: LIMITED, to: PLANE, min: TARGETS.limitedOfUnlimitedMin }),
    ]),
    ...ratioVerdict(rows, { group: "new-keys", to: ONE_COMMIT, min: TARGETS.newKeysOfOneCommitMin }),
    ...latencies
      .filter(({ group }) => BINDING_GROUPS.includes(group))
      .map(({ group, addedP50Ms }) => atMost(`${group}: added p50 at half load, ms`, addedP50Ms.median, addedP50MsMax)),
    ...costs.flatMap(({ name, callsPerRequest, commitsPerRequest, rowsPerRequest, limiter }) => [
      atMost(`${name}: object calls per request`, callsPerRequest, callsPerRequestMax),
      atMost(`${name}: rows written per request`, rowsPerRequest, TARGETS.rowsPerRequestMax),
      ...(limiter === undefined
        ? []
        : [
            atMost(
              `${name}: the limiter's calls per request`,
              limiter.callsPerRequest,
              TARGETS.limiterCallsPerRequestMax,
            ),
            atMost(`${name}: the limiter's rows per request`, limiter.rowsPerRequest, TARGETS.limiterRowsPerRequestMax),
          ]),
      ...(commitsPerRequest === undefined
        ? []
        : [atMost(`${name}: commits per request`, commitsPerRequest, commitsPerRequestMax)]),
    ]),
    ...matching
      .filter(({ routes }) => routes >= 1_000)
      .map(({ routes, medianNs }) => atMost(`${routes} routes: median of one match, ns`, medianNs, matchMedianNsMax)),
    ...faults.flatMap(({ fault, strategy, lost, noticedMs }) =>
      noticedMs === undefined
        ? []
        : [
            atMost(`one of four ${fault}, ${strategy}: requests lost`, lost, TARGETS.lostMax),
            atMost(`one of four ${fault}, ${strategy}: last one sent to it after, ms`, noticedMs, TARGETS.noticedMsMax),
          ],
    ),
    ...execVerdicts(findings.exec),
  ];
}

const execVerdicts = (exec: ExecFindings | undefined): readonly Verdict[] =>
  exec === undefined
    ? []
    : [
        atMost("exec: added to the agent's own p50, ms", exec.addedP50Ms, TARGETS.execAddedP50MsMax),
        atMost(`exec: failed of ${exec.concurrent} at one time`, exec.concurrentFailed, TARGETS.execFailedMax),
        atMost("exec: the plane grows by 50 MB of output, MB", exec.planeGrowthMb, TARGETS.execGrowthMbMax),
        atMost("exec: the agent grows by 50 MB of output, MB", exec.agentGrowthMb, TARGETS.execGrowthMbMax),
        atLeast("exec: status of a finished exec ÷ one object call", exec.statusRatio, TARGETS.execStatusOfOneCallMin),
      ];

/** `of` is the plane unless named. */
type Ratio = {
  readonly group: GroupName;
  readonly of?: ContenderName;
  readonly to: ContenderName;
  readonly min: number;
};

function ratioVerdict(rows: readonly Row[], { group, of = PLANE, to, min }: Ratio): readonly Verdict[] {
  const plane = findRow(rows, group, of);
  const base = findRow(rows, group, to);
  if (plane === undefined || base === undefined) return [];
  const { median } = rateRatio(plane, base);
  const error = medianError(pairedRatios(ratesOf(plane), ratesOf(base)));
  return [{ target: `${group}: ${of} ÷ ${to} ≥ ${min}`, value: median, error, met: median >= min }];
}

const atMost = (what: string, value: number, max: number): Verdict => ({
  target: `${what} ≤ ${max}`,
  value,
  met: value <= max,
});

const atLeast = (what: string, value: number, min: number): Verdict => ({
  target: `${what} ≥ ${min}`,
  value,
  met: value >= min,
});

export const findRow = (rows: readonly Row[], group: GroupName, contender: ContenderName): Row | undefined =>
  rows.find((row) => row.group === group && row.contender === contender);

const ratesOf = ({ samples }: Row): readonly number[] => samples.map(({ requestsPerSecond }) => requestsPerSecond);
const cpuOf = ({ samples }: Row): readonly number[] =>
  samples.map(({ cpuMicrosPerRequest }: Sample) => cpuMicrosPerRequest ?? Number.NaN);

export const rateRatio = (row: Row, base: Row): Spread => spreadOf(pairedRatios(ratesOf(row), ratesOf(base)));
export const cpuRatio = (row: Row, base: Row): Spread => spreadOf(pairedRatios(cpuOf(row), cpuOf(base)));
