// What a request costs the objects at saturation: calls by class and method, and commits. A run of its own, never timed: the plane
// runs as always, but its objects are hosted by counted-objects.ts and workerd's commits are written down.

import { readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { PATHS } from "./bench-document.ts";
import { type BenchPlane, configure, launchBenchPlane, type PlaneSecrets } from "./bench-plane.ts";
import type { Ending } from "./bench-process.ts";
import { openSessions, visitWithAll, waitForDescriptors } from "./bench-sessions.ts";
import type { BenchWorkers } from "./bench-workers.ts";
import { readSyncs, type Sync, traceCommand } from "./commit-trace.ts";
import { FLEET_SIZE, ISOLATES } from "./contenders.ts";
import { CONNECTIONS, type CookieFile, type LoadGenerator, writeCookies } from "./drive-load.ts";
import { sendAtFixedRate } from "./fixed-rate-client.ts";
import { findFreePorts } from "./free-ports.ts";
import { ask } from "./loopback-client.ts";
import { tracerOf } from "./process-facts.ts";

export type CostRow = {
  readonly name: string;
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly errors: number;
  /** RPC calls, alarms not among them. */
  readonly callsPerRequest: number;
  readonly alarmsPerRequest: number;
  /** Undefined where strace can't be used. */
  readonly commitsPerRequest: number | undefined;
  /** Commits, and what SQLite syncs besides when objects wake up and fall asleep. */
  readonly syncsPerRequest: number | undefined;
  readonly rowsPerRequest: number;
  /** What of it the limits cost, where the load stands under one. */
  readonly limiter: { readonly callsPerRequest: number; readonly rowsPerRequest: number } | undefined;
  /** `Class.method` → calls per request. */
  readonly calls: Readonly<Record<string, number>>;
};

export type CountingPlan = {
  readonly folder: string;
  readonly workers: BenchWorkers;
  readonly secrets: PlaneSecrets;
  readonly origins: readonly string[];
  readonly sampleRate: number;
  readonly sessions: number;
  readonly generator: LoadGenerator;
  readonly print: (line: string) => void;
};

/** Long enough for what happens once a second to show. */
const WINDOW_SECONDS = 10;
/** Before each window, so that what starts up with the load isn't counted. */
const SETTLE_SECONDS = 2;
/** Objects that woke up fall asleep 10 s later and sync once more: those of earlier loads before a window, its own within it. */
const ASLEEP_SECONDS = 12;
/** After each window: what requests left to be done in the background belongs to them. */
const TAIL_MS = 1_000;
/** How counted-objects.ts names the rows a class has written. */
const ROWS_WRITTEN = ".rowsWritten";
const STEADY_RATE = 1_000;
/** From this age on an isolate reads a session anew; before it, windows would show too few calls. */
const SNAPSHOT_AGED_MS = 61_000;

type Counted = {
  readonly plane: BenchPlane;
  readonly host: number;
  readonly one: CookieFile;
  readonly many: CookieFile;
  /** The cookies of `many`. */
  readonly sessions: readonly string[];
};
type Window = {
  readonly name: string;
  readonly ports: readonly number[];
  readonly path: string;
  readonly cookies: CookieFile;
  /** Sent at this rate; as many as go when not given. */
  readonly requestsPerSecond?: number;
};
type Measured = Omit<CostRow, "commitsPerRequest" | "syncsPerRequest"> & { readonly from: number; readonly to: number };

export type Counting = {
  readonly costs: readonly CostRow[];
  /** Cookies of the sessions it opened, which stay in its folder. */
  readonly sessions: readonly string[];
};

export async function countCosts(plan: CountingPlan, outer: Ending): Promise<Counting> {
  const traceFile = path.join(plan.folder, "commits.trace");
  const trace = await traceCommand(traceFile);
  const ending = new AsyncDisposableStack();
  outer.defer(() => ending.disposeAsync());
  const counted = await launchCounted(plan, trace, ending);
  const tracer = tracerOf(counted.plane.pid);
  const measured = await measureAll(counted, plan);
  // The trace is complete only when workerd has ended.
  await ending.disposeAsync();
  const syncs = trace === undefined ? undefined : await readSyncs(traceFile, tracer);
  const costs = measured.map(({ from, to, ...row }) => ({
    ...row,
    ...syncCosts(syncs, { from, to, requests: row.requests }),
  }));
  return { costs, sessions: counted.sessions };
}

type Span = { readonly from: number; readonly to: number; readonly requests: number };

function syncCosts(syncs: readonly Sync[] | undefined, { from, to, requests }: Span) {
  if (syncs === undefined) return { commitsPerRequest: undefined, syncsPerRequest: undefined };
  const within = syncs.filter(({ atMs }) => atMs >= from && atMs <= to);
  const commits = within.filter((sync) => sync.commits);
  return { commitsPerRequest: commits.length / requests, syncsPerRequest: within.length / requests };
}

async function launchCounted(
  plan: CountingPlan,
  trace: readonly string[] | undefined,
  ending: Ending,
): Promise<Counted> {
  const { folder, workers, secrets, print } = plan;
  const [host = 0, ...ports] = await findFreePorts(1 + FLEET_SIZE);
  const plane = await launchBenchPlane(
    {
      folder,
      secrets,
      plane: workers.plane,
      backends: workers.backends,
      ports,
      fleets: [],
      host: { worker: workers.countedObjects, port: host },
      ...(trace && { under: trace }),
    },
    ending,
  );
  await configure(plane, plan.origins, plan.sampleRate);
  print(`counting: opens ${plan.sessions} sessions`);
  const sessions = await openSessions(plane, plan.sessions);
  return {
    plane,
    host,
    sessions,
    one: writeCookies(path.join(folder, "one.cookies"), sessions.slice(0, 1)),
    many: writeCookies(path.join(folder, "many.cookies"), sessions),
  };
}

async function measureAll(counted: Counted, plan: CountingPlan): Promise<readonly Measured[]> {
  const { plane, many, sessions } = counted;
  plan.print("counting: shows every session to every isolate");
  await visitWithAll({ pid: plane.pid, ports: plane.ports, path: PATHS.leastConnections, cookies: sessions });
  const agedAt = Date.now() + SNAPSHOT_AGED_MS;
  await delay(ASLEEP_SECONDS * 1_000);
  const rows: Measured[] = [];
  for (const window of windowsOf(counted)) {
    if (window.cookies === many) await delay(Math.max(0, agedAt - Date.now()));
    plan.print(`counting: ${window.name}`);
    rows.push(await countWindow(counted, window, plan));
  }
  return rows;
}

/** Those of many sessions last, when what isolates remember of them has aged. */
function windowsOf({ plane, one, many }: Counted): readonly Window[] {
  const { leastConnections, roundRobin } = PATHS;
  const single = { ports: plane.ports.slice(0, 1), isolates: "1 isolate" };
  const several = { ports: plane.ports.slice(1), isolates: `${ISOLATES} isolates` };
  const limited = ({ ports, isolates }: typeof single): Window => {
    return { name: `one limit's hot key, ${isolates}`, ports, path: PATHS.limited, cookies: one };
  };
  const of = ({ ports, isolates }: typeof single, path: string, cookies: CookieFile): Window => {
    const strategy = path === roundRobin ? "round-robin" : "least-connections";
    const who = cookies.count === 1 ? "1 session" : `${cookies.count} sessions`;
    return { name: `${strategy}, ${who}, ${isolates}`, ports, path, cookies };
  };
  return [
    of(single, leastConnections, one),
    of(single, roundRobin, one),
    of(several, leastConnections, one),
    of(several, roundRobin, one),
    limited(single),
    limited(several),
    { ...limited(single), name: `one limit's hot key at ${STEADY_RATE} req/s`, requestsPerSecond: STEADY_RATE },
    of(single, leastConnections, many),
    of(several, leastConnections, many),
  ];
}

async function countWindow({ plane, host }: Counted, window: Window, { generator }: CountingPlan): Promise<Measured> {
  const { name, requestsPerSecond: rate, ...load } = window;
  await waitForDescriptors(plane.pid);
  await generator.drive({ ...load, seconds: load.cookies.count === 1 ? SETTLE_SECONDS : ASLEEP_SECONDS });
  const before = await readCounts(host);
  const from = Date.now();
  const { requests, requestsPerSecond, errors } =
    rate === undefined ? await generator.drive({ ...load, seconds: WINDOW_SECONDS }) : await sendSteadily(load, rate);
  await delay(TAIL_MS);
  const to = Date.now();
  const after = await readCounts(host);
  const made = Object.entries(after).map(([what, count]) => [what, count - (before[what] ?? 0)] as const);
  const rows = made.filter(([what]) => what.endsWith(ROWS_WRITTEN));
  const calls = made.filter(([what, count]) => count > 0 && !what.endsWith(ROWS_WRITTEN));
  const sumOf = (counts: typeof made, wanted: (what: string) => boolean) =>
    counts.filter(([what]) => wanted(what)).reduce((sum, [, count]) => sum + count, 0) / requests;
  const isAlarm = (method: string): boolean => method.endsWith(".alarm");
  return {
    name,
    requests,
    requestsPerSecond,
    errors,
    callsPerRequest: sumOf(calls, (method) => !isAlarm(method)),
    alarmsPerRequest: sumOf(calls, isAlarm),
    rowsPerRequest: sumOf(rows, () => true),
    limiter:
      load.path === PATHS.limited
        ? { callsPerRequest: sumOf(calls, isOfLimiter), rowsPerRequest: sumOf(rows, isOfLimiter) }
        : undefined,
    calls: Object.fromEntries(calls.map(([method, count]) => [method, count / requests])),
    from,
    to,
  };
}

const isOfLimiter = (what: string): boolean => what.startsWith("RateLimiter.") && !what.endsWith(".alarm");

/** From the first connection to the last answer, at a rate that is kept whatever the answers do. */
async function sendSteadily({ ports, path, cookies }: Pick<Window, "ports" | "path" | "cookies">, rate: number) {
  const headers = readFileSync(cookies.file, "utf8").trimEnd().split("\n");
  const plan = { ports, path, cookies: headers, requestsPerSecond: rate, seconds: WINDOW_SECONDS };
  const { errors } = await sendAtFixedRate({ ...plan, leadSeconds: 0, connections: CONNECTIONS });
  return { requests: rate * WINDOW_SECONDS, requestsPerSecond: rate, errors };
}

async function readCounts(port: number): Promise<Readonly<Record<string, number>>> {
  return JSON.parse((await ask({ port, path: "/" })).body) as Readonly<Record<string, number>>;
}
