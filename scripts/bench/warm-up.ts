// Before the first timed window: every contender has served for 2 s, and every session has been seen by whoever keeps sessions.

import { PATHS } from "./bench-document.ts";
import { visitWithAll } from "./bench-sessions.ts";
import { type Group, PER_REQUEST, type Stage } from "./contenders.ts";
import type { LoadGenerator } from "./drive-load.ts";

const WARM_SECONDS = 2;

type Warming = { readonly stage: Stage; readonly generator: LoadGenerator; readonly print: (line: string) => void };

export async function warmUp(groups: readonly Group[], { stage, generator, print }: Warming): Promise<void> {
  for (const { name, contenders, cookies } of groups) {
    print(`warms up ${name}`);
    for (const contender of contenders) {
      const { ports, path } = contender;
      if (cookies === stage.many && contender.name === PER_REQUEST) await showToPerRequest(stage);
      else if (cookies === stage.many) await contender.arrange?.();
      await generator.drive({ ports, path, seconds: WARM_SECONDS, cookies });
    }
  }
}

const shown = new WeakSet<Stage>();

/** Its isolates keep nothing and share the objects, so one of them is enough. */
async function showToPerRequest(stage: Stage): Promise<void> {
  if (shown.has(stage)) return;
  shown.add(stage);
  const { plane, perRequest, sessions } = stage;
  const path = PATHS.leastConnections;
  await visitWithAll({ pid: plane.pid, ports: perRequest.slice(0, 1), path, cookies: sessions });
}
