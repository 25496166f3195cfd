// `npm run bench`: what the plane costs, measured beside its limit and its rivals in one run. Ends by itself, takes along all
// it started, and judges without failing: a missed target is a finding, printed as such.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { StartProblem } from "../start/start-problem.ts";
import { measureAddedLatency } from "./added-latency.ts";
import { type BenchOptions, readBenchOptions } from "./bench-options.ts";
import { makeSecrets } from "./bench-plane.ts";
import { BenchProblem } from "./bench-problem.ts";
import type { Ending } from "./bench-process.ts";
import { machineLines, reportLines } from "./bench-report.ts";
import { benchWorkers } from "./bench-workers.ts";
import type { HeaderComparison } from "./compare-headers.ts";
import { CONTENDERS, GROUPS, groupsOf, selectGroups } from "./contenders.ts";
import { type Counting, countCosts } from "./count-costs.ts";
import { CONNECTIONS, findLoadGenerator, type LoadGenerator } from "./drive-load.ts";
import { launchOrigins, launchStage } from "./launch-stage.ts";
import { describeMachine, readCpuTimes, stolenShare } from "./machine.ts";
import { measureExec } from "./measure-exec.ts";
import { measureFaults } from "./measure-faults.ts";
import { measureMatching } from "./measure-matching.ts";
import { measureSockets } from "./measure-sockets.ts";
import { playRounds } from "./play-rounds.ts";
import { type Findings, judgeFindings } from "./targets.ts";
import { warmUp } from "./warm-up.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const SECTIONS = ["latency", "counters", "match", "faults", "sockets", "exec"] as const;
/** Whatever hangs, the bench doesn't. */
const DEADLINE_MS = 5_400_000;

const print = (line: string): void => void process.stdout.write(`${line}\n`);

/** Of the sections, those that `only` names; the groups run unless it names nothing but sections without them. */
const runs = ({ only }: BenchOptions, section: (typeof SECTIONS)[number]): boolean =>
  only.length === 0 || only.includes(section);
const runsGroups = ({ only }: BenchOptions): boolean =>
  only.length === 0 || only.some((name) => name === "latency" || !SECTIONS.some((section) => section === name));

async function bench(options: BenchOptions, ending: Ending): Promise<void> {
  const machine = describeMachine();
  const before = readCpuTimes();
  const folder = mkdtempSync(path.join(tmpdir(), "signalbox-bench-"));
  ending.defer(async () => rmSync(folder, { recursive: true, force: true }));
  const generator = findLoadGenerator(folder);
  const { findings, notes } = await measureAll(options, { folder, generator, ending });
  const stolen = stolenShare(before, readCpuTimes());
  const { rounds, seconds, sampleRate } = options;
  const settings = [
    ...machineLines(machine, stolen),
    `load           ${generator.name}, ${CONNECTIONS} connections, ${rounds} rounds of ${seconds} s`,
    `logging        log.sampleRate ${sampleRate}, into a file`,
    ...notes,
  ];
  const verdicts = judgeFindings(findings);
  print(["", ...settings, ...reportLines(findings, verdicts)].join("\n"));
  save(options, { machine, stolen, options, generator: generator.name, settings, ...findings, verdicts });
}

type Means = { readonly folder: string; readonly generator: LoadGenerator; readonly ending: Ending };
type Measured = { readonly findings: Findings; readonly notes: readonly string[] };

/** What needs quiet most comes last, and each part takes along what it has started. */
async function measureAll(options: BenchOptions, { folder, generator, ending }: Means): Promise<Measured> {
  const matching = runs(options, "match") ? await measureMatching() : [];
  const origins = await launchOrigins(folder, ending);
  const shared = { ...options, folder, generator, print, secrets: makeSecrets(), workers: benchWorkers(origins.urls) };
  const { costs, sessions: opened }: Counting = runs(options, "counters")
    ? await countCosts({ ...shared, origins: origins.urls }, ending)
    : { costs: [], sessions: [] };
  const faults = runs(options, "faults") ? await measureFaults(shared, ending) : [];
  const sockets = runs(options, "sockets") ? await measureSockets(shared, ending) : [];
  const exec = runs(options, "exec") ? await measureExec(shared, ending) : undefined;
  const found = { costs, matching, faults, sockets, ...(exec !== undefined && { exec }) };
  if (!runsGroups(options)) return { findings: { rows: [], latencies: [], ...found }, notes: [] };
  const { stage, headers, absent } = await launchStage({ ...shared, origins, opened }, ending);
  const groups = selectGroups(groupsOf(stage), options.only);
  await warmUp(groups, { stage, generator, print });
  const rows = await playRounds({ groups, ...shared });
  const latencies = runs(options, "latency") ? await measureAddedLatency({ groups, rows, ...shared }) : [];
  const notes = [fairness(headers), ...absent.map((why) => `absent         ${why}`)];
  return { findings: { rows, latencies, ...found }, notes };
}

const fairness = ({ onlyPlane, onlyLimit }: HeaderComparison): string =>
  onlyPlane.length + onlyLimit.length === 0
    ? "headers        the limit sends a backend the same headers as the plane"
    : `headers        NOT the same: only the plane sends [${onlyPlane.join(", ")}], only the limit [${onlyLimit.join(", ")}]`;

function save({ json }: BenchOptions, results: object): void {
  const stamp = new Date().toISOString().replaceAll(/[:.]/g, "-");
  const file = path.resolve(json ?? path.join(ROOT, "bench-results", `${stamp}.json`));
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`);
  print(`\nresults in ${path.relative(process.cwd(), file)}`);
}

const ending = new AsyncDisposableStack();
const leave = async (code: number): Promise<never> => {
  await ending.disposeAsync();
  process.exit(code);
};
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => void leave(130));
setTimeout(() => {
  process.stderr.write(`bench: not done after ${DEADLINE_MS / 60_000} min\n`);
  void leave(1);
}, DEADLINE_MS).unref();

try {
  await bench(readBenchOptions(process.argv.slice(2), [...GROUPS, ...SECTIONS, ...CONTENDERS]), ending);
  await leave(0);
} catch (error) {
  if (error instanceof BenchProblem || error instanceof StartProblem) process.stderr.write(`bench: ${error.message}\n`);
  else console.error(error);
  await leave(1);
}
