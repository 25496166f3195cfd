// Interleaved rounds: every round measures every contender once, groups and contenders in random order, so that a
// machine that slows down for a while slows all of them.

import { waitForDescriptors } from "./bench-sessions.ts";
import type { Contender, ContenderName, Group, GroupName } from "./contenders.ts";
import type { LoadGenerator } from "./drive-load.ts";
import { cpuMicros, descriptorShare } from "./process-facts.ts";
import { quantileMs, shuffled } from "./statistics.ts";

export type Sample = {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of the contender's process, all its threads; undefined where the system doesn't tell. */
  readonly cpuMicrosPerRequest: number | undefined;
  readonly errors: number;
};
/** One sample per round, in the order of the rounds. */
export type Row = { readonly group: GroupName; readonly contender: ContenderName; readonly samples: readonly Sample[] };

/** Untimed, before each window: what has cooled down while others were measured, or was left behind by them, is nobody's speed. */
const LEAD_IN_SECONDS = 1;
/** What a contender may leave open behind it: connections, and the few objects any of them wakes. */
const DESCRIPTOR_SHARE_LEFT = 0.005;

export type RoundsPlan = {
  readonly groups: readonly Group[];
  readonly rounds: number;
  readonly seconds: number;
  readonly generator: LoadGenerator;
  readonly print: (line: string) => void;
};

export async function playRounds({ groups, rounds, seconds, generator, print }: RoundsPlan): Promise<readonly Row[]> {
  const rows = groups.flatMap((group) =>
    group.contenders.map((contender) => ({ group, contender, samples: [] as Sample[] })),
  );
  for (let round = 1; round <= rounds; round++) {
    for (const group of shuffled(groups)) {
      for (const row of shuffled(rows.filter((one) => one.group === group))) {
        const sample = await measure(row.contender, { group, seconds, generator });
        row.samples.push(sample);
        print(`round ${round}/${rounds}  ${group.name.padEnd(8)}${row.contender.name.padEnd(17)}${describe(sample)}`);
      }
    }
  }
  return rows.map(({ group, contender, samples }) => ({ group: group.name, contender: contender.name, samples }));
}

type Window = { readonly group: Group; readonly seconds: number; readonly generator: LoadGenerator };

/** One timed window of one contender. */
export async function measure(contender: Contender, { group, seconds, generator }: Window): Promise<Sample> {
  const { ports, path, pid } = contender;
  await contender.arrange?.();
  await waitForDescriptors(pid);
  const shareAtRest = descriptorShare(pid);
  const load = { ports, path, cookies: group.cookies };
  await generator.drive({ ...load, seconds: LEAD_IN_SECONDS });
  const cpuBefore = cpuMicros(pid);
  const result = await generator.drive({ ...load, seconds });
  const cpuAfter = cpuMicros(pid);
  await contender.restore?.();
  // Objects that were woken are put to sleep seconds later, which must not be charged to whoever is measured then.
  await waitForDescriptors(pid, shareAtRest + DESCRIPTOR_SHARE_LEFT);
  const cpu = cpuBefore === undefined || cpuAfter === undefined ? undefined : cpuAfter - cpuBefore;
  return {
    requestsPerSecond: result.requestsPerSecond,
    p50Ms: quantileMs(result.latency, 0.5),
    p99Ms: quantileMs(result.latency, 0.99),
    cpuMicrosPerRequest: cpu === undefined ? undefined : cpu / result.requests,
    errors: result.errors,
  };
}

const describe = ({ requestsPerSecond, errors }: Sample): string =>
  `${Math.round(requestsPerSecond).toLocaleString("en").padStart(8)} req/s${errors > 0 ? `  ${errors} errors` : ""}`;
