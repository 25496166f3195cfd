// Before the first timed window: every contender has served for 2 s, and every session has been seen by whoever keeps sessions.

import { PATHS } from "./bench-document.ts";
import { visitWithAll } from "./bench-sessions.ts";
import { type Group, PER_REQUEST, PLANE, type Stage } from "./contenders.ts";
import type { LoadGenerator } from "./drive-load.ts";

/** Per isolate, for each compiles its hot code by itself. */
const WARM_SECONDS = 2;

type Warming = { readonly stage: Stage; readonly generator: LoadGenerator; readonly print: (line: string) => void };

export async function warmUp(groups: readonly Group[], { stage, generator, print }: Warming): Promise<void> {
  await showSessions(groups, stage, print);
  for (const { name, contenders, cookies } of groups) {
    print(`warms up ${name}`);
    for (const { ports, path } of contenders)
      await generator.drive({ ports, path, seconds: WARM_SECONDS * ports.length, cookies });
  }
}

/** All isolates of the plane in one pass. Those of the per-request design keep nothing and share the objects: one is enough. */
async function showSessions(groups: readonly Group[], stage: Stage, print: Warming["print"]): Promise<void> {
  const { plane, many, seen, sessions } = stage;
  const contenders = groups.filter(({ cookies }) => cookies === many).flatMap((group) => group.contenders);
  const portsOf = (wanted: string) => contenders.filter(({ name }) => name === wanted).flatMap(({ ports }) => ports);
  if (contenders.length === 0) return;
  print(`shows ${sessions.length} sessions to every isolate`);
  await seen.ensure(portsOf(PLANE));
  const ports = portsOf(PER_REQUEST).slice(0, 1);
  await visitWithAll({ pid: plane.pid, ports, path: PATHS.leastConnections, cookies: sessions });
}
