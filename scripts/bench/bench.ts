// `npm run bench`: what the plane costs, measured beside its limit and its rivals in one run. Ends by itself, takes along all
// it started, and judges without failing: a missed target is a finding, printed as such.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { StartProblem } from "../start/start-problem.ts";
import { type AddedLatency, measureAddedLatency } from "./added-latency.ts";
import { type BenchOptions, readBenchOptions } from "./bench-options.ts";
import { makeSecrets } from "./bench-plane.ts";
import { BenchProblem } from "./bench-problem.ts";
import type { Ending } from "./bench-process.ts";
import { costLines, latencyLines, machineLines, matchingLines, throughputLines, verdictLines } from "./bench-report.ts";
import { benchWorkers } from "./bench-workers.ts";
import { CONTENDERS, GROUPS, groupsOf, selectGroups } from "./contenders.ts";
import { type CostRow, countCosts } from "./count-costs.ts";
import { findLoadGenerator } from "./drive-load.ts";
import { launchOrigins, launchStage } from "./launch-stage.ts";
import { describeMachine } from "./machine.ts";
import { measureMatching } from "./measure-matching.ts";
import { playRounds, type Row } from "./play-rounds.ts";
import { judgeFindings, type Matching } from "./targets.ts";
import { warmUp } from "./warm-up.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const SECTIONS = ["latency", "counters", "match"] as const;
/** Whatever hangs, the bench doesn't. */
const DEADLINE_MS = 5_400_000;

const print = (line: string): void => void process.stdout.write(`${line}\n`);

/** Of the sections, those that `only` names; the groups run unless it names nothing but sections without them. */
const runs = ({ only }: BenchOptions, section: (typeof SECTIONS)[number]): boolean =>
  only.length === 0 || only.includes(section);
const runsGroups = ({ only }: BenchOptions): boolean =>
  only.length === 0 || only.some((name) => name !== "counters" && name !== "match");

async function bench(options: BenchOptions, ending: Ending): Promise<void> {
  const machine = describeMachine();
  const folder = mkdtempSync(path.join(tmpdir(), "signalbox-bench-"));
  ending.defer(async () => rmSync(folder, { recursive: true, force: true }));
  const generator = findLoadGenerator(folder);
  const origins = await launchOrigins(folder, ending);
  const shared = { secrets: makeSecrets(), workers: benchWorkers(origins.urls), generator, print, ...options };
  const settings = [
    `load           ${generator.name}, 16 connections, ${options.rounds} rounds of ${options.seconds} s; log.sampleRate ${options.sampleRate}, output to a file`,
  ];

  const matching: readonly Matching[] = runs(options, "match") ? await measureMatching() : [];
  const costs: readonly CostRow[] = runs(options, "counters")
    ? await countCosts({ ...shared, folder: subfolder(folder, "counted"), origins: origins.urls }, ending)
    : [];
  let rows: readonly Row[] = [];
  let latencies: readonly AddedLatency[] = [];
  if (runsGroups(options)) {
    const plan = { ...shared, folder: subfolder(folder, "timed"), origins };
    const { stage, headers, absent } = await launchStage(plan, ending);
    const groups = selectGroups(groupsOf(stage), options.only);
    settings.push(...fairness(headers), ...absent.map((why) => `absent         ${why}`));
    await warmUp(groups, { stage, generator, print });
    rows = await playRounds({ groups, ...shared });
    if (runs(options, "latency")) latencies = await measureAddedLatency({ groups, rows, ...shared });
  }
  const verdicts = judgeFindings({ rows, latencies, costs, matching });
  const lines = [
    "",
    ...machineLines(machine),
    ...settings,
    ...throughputLines(rows),
    ...latencyLines(latencies),
    ...costLines(costs),
    ...matchingLines(matching),
    ...verdictLines(verdicts),
  ];
  print(lines.join("\n"));
  save(options, { machine, options, generator: generator.name, settings, rows, latencies, costs, matching, verdicts });
}

type Compared = { readonly onlyPlane: readonly string[]; readonly onlyLimit: readonly string[] };

const fairness = ({ onlyPlane, onlyLimit }: Compared): readonly string[] => [
  onlyPlane.length + onlyLimit.length === 0
    ? "headers        the limit sends a backend the same headers as the plane"
    : `headers        NOT the same: only the plane sends [${onlyPlane.join(", ")}], only the limit [${onlyLimit.join(", ")}]`,
];

function subfolder(folder: string, name: string): string {
  const sub = path.join(folder, name);
  mkdirSync(sub, { mode: 0o700 });
  return sub;
}

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
