// Who is measured against whom: groups that share a load and a limit, and in each the contenders with where they serve.

import { PATHS } from "./bench-document.ts";
import { type BenchPlane, setSampleRate } from "./bench-plane.ts";
import type { Running } from "./bench-process.ts";
import type { CookieFile } from "./drive-load.ts";
import { PROXIES, type ProxyName } from "./proxies.ts";
import type { SeenSessions } from "./seen-sessions.ts";

export const GROUPS = ["1x1", "1xN", "4x1", "4xN", "new-keys", "origins"] as const;
export type GroupName = (typeof GROUPS)[number];
export const LIMIT = "pass-through";
export const PLANE = "plane";
export const PER_REQUEST = "per-request";
export const LIMITED = "plane-limited";
export const ONE_COMMIT = "one-commit";
export const CONTENDERS = [
  LIMIT,
  PLANE,
  LIMITED,
  "plane-rr",
  "plane-undeclared",
  "plane-log-1",
  PER_REQUEST,
  ONE_COMMIT,
  ...PROXIES,
] as const;
export type ContenderName = (typeof CONTENDERS)[number];

export type Contender = {
  readonly name: ContenderName;
  readonly ports: readonly number[];
  readonly path: string;
  /** The process whose CPU time counts. */
  readonly pid: number;
  /** Untimed: puts it into the state to be measured, and back. */
  readonly arrange?: () => Promise<void>;
  readonly restore?: () => Promise<void>;
};

export type Group = {
  readonly name: GroupName;
  readonly cookies: CookieFile;
  /** The limit is the first. */
  readonly contenders: readonly Contender[];
};

/** Everything that serves. Of the ports of a fleet the first is the one isolate, the rest are the several. */
export type Stage = {
  readonly plane: BenchPlane;
  readonly passThrough: readonly number[];
  readonly urlPassThrough: number;
  readonly oneCommit: number;
  readonly perRequest: readonly number[];
  readonly proxies: readonly { readonly name: ProxyName; readonly port: number; readonly process: Running }[];
  readonly sampleRate: number;
  readonly one: CookieFile;
  readonly many: CookieFile;
  /** The cookies of `many`. */
  readonly sessions: readonly string[];
  readonly seen: SeenSessions;
};

export const ISOLATES = 4;
/** One isolate for itself, and several beside it. */
export const FLEET_SIZE = 1 + ISOLATES;
const portsFor = (isolates: number, ports: readonly number[]) => (isolates === 1 ? ports.slice(0, 1) : ports.slice(1));

export function groupsOf(stage: Stage): readonly Group[] {
  const { one, many } = stage;
  return [
    {
      name: "1x1",
      cookies: one,
      contenders: [...bindingContenders(stage, 1, one), limited(stage, 1), ...planeVariants(stage)],
    },
    { name: "1xN", cookies: many, contenders: bindingContenders(stage, 1, many) },
    { name: "4x1", cookies: one, contenders: [...bindingContenders(stage, ISOLATES, one), limited(stage, ISOLATES)] },
    { name: "4xN", cookies: many, contenders: bindingContenders(stage, ISOLATES, many) },
    { name: "new-keys", cookies: one, contenders: newKeyContenders(stage) },
    { name: "origins", cookies: one, contenders: originContenders(stage) },
  ];
}

function bindingContenders(stage: Stage, isolates: number, cookies: CookieFile): readonly Contender[] {
  const { plane, passThrough, perRequest, many, seen } = stage;
  const { pid } = plane;
  const path = PATHS.leastConnections;
  const edges = portsFor(isolates, plane.ports);
  const arrange = cookies === many ? { arrange: () => seen.ensure(edges) } : {};
  return [
    { name: LIMIT, ports: portsFor(isolates, passThrough), path, pid },
    { name: PLANE, ports: edges, path, pid, ...arrange },
    { name: PER_REQUEST, ports: portsFor(isolates, perRequest), path, pid },
  ];
}

/** Under one limit that every request counts against, and none exhausts. */
const limited = ({ plane }: Stage, isolates: number): Contender => ({
  name: LIMITED,
  ports: portsFor(isolates, plane.ports),
  path: PATHS.limited,
  pid: plane.pid,
});

/** Every request brings a key that was never seen before. */
const newKeyContenders = ({ plane, passThrough, oneCommit }: Stage): readonly Contender[] => [
  { name: LIMIT, ports: portsFor(1, passThrough), path: PATHS.newKeys, pid: plane.pid },
  { name: PLANE, ports: portsFor(1, plane.ports), path: PATHS.newKeys, pid: plane.pid },
  { name: ONE_COMMIT, ports: [oneCommit], path: PATHS.newKeys, pid: plane.pid },
];

function planeVariants({ plane, sampleRate }: Stage): readonly Contender[] {
  const { pid } = plane;
  const ports = portsFor(1, plane.ports);
  return [
    { name: "plane-rr", ports, path: PATHS.roundRobin, pid },
    { name: "plane-undeclared", ports, path: PATHS.undeclared, pid },
    {
      name: "plane-log-1",
      ports,
      path: PATHS.leastConnections,
      pid,
      arrange: () => setSampleRate(plane, 1),
      restore: () => setSampleRate(plane, sampleRate),
    },
  ];
}

const originContenders = ({ plane, urlPassThrough, proxies }: Stage): readonly Contender[] => [
  { name: LIMIT, ports: [urlPassThrough], path: PATHS.origins, pid: plane.pid },
  { name: PLANE, ports: portsFor(1, plane.ports), path: PATHS.origins, pid: plane.pid },
  ...proxies.map(({ name, port, process }) => ({ name, ports: [port], path: PATHS.origins, pid: process.pid })),
];

/** Keeps what `only` names; a group without its limit has no ratios, so the limit always stays. */
export function selectGroups(groups: readonly Group[], only: readonly string[]): readonly Group[] {
  const wantedGroups = GROUPS.filter((name) => only.includes(name));
  const wanted = CONTENDERS.filter((name) => only.includes(name));
  return groups
    .filter(({ name }) => wantedGroups.length === 0 || wantedGroups.includes(name))
    .map((group) => ({
      ...group,
      contenders: group.contenders.filter(({ name }) => wanted.length === 0 || name === LIMIT || wanted.includes(name)),
    }))
    .filter(({ contenders }) => contenders.length > 0);
}
