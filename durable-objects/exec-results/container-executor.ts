// Runs commands in the user's own container, which belongs to the user's object (Cloudflare Containers, `ctx.container`). It keeps no
// record: what was running when the object is restarted is lost, and an order is written down as begun before it is.

import type { Executor, ExecutorAnswer, RunNews } from "../../src/contracts/executor.ts";
import { causeText } from "../../src/policies/exec/cause-text.ts";
import { ContainerRun } from "./container-run.ts";
import { NewsBell } from "./news-bell.ts";

/** Keeps the container there for commands to come, until it is stopped. */
const IDLE = ["/bin/sh", "-c", "trap 'exit 0' TERM; while :; do sleep 3600 & wait; done"];
/** A container that nobody uses goes, and what was written in it with it. */
const INACTIVE_MS = 600_000;
const READY_TRIES = 20;
const READY_POLL_MS = 100;

export function containerExecutor(container: Container): Executor {
  const runs = new Map<string, ContainerRun>();
  const bell = new NewsBell();
  let isReady = false;
  const answer = <T>(value: T): ExecutorAnswer<T> => ({ kind: "answer", value });
  const stateOf = (runId: string) => runs.get(runId)?.state ?? ({ state: "unknown" } as const);
  return {
    async start(runId, order, begin) {
      const known = runs.get(runId);
      if (known !== undefined) return answer(known.state);
      const cause = container.running && isReady ? undefined : await makeReady(container);
      isReady = cause === undefined;
      if (cause !== undefined) return { kind: "silent", cause };
      await begin();
      try {
        runs.set(runId, await ContainerRun.begin(container, order, () => bell.ring()));
        return answer(stateOf(runId));
      } catch (error) {
        // Whether it began can't be known.
        return answer({ state: "lost", cause: causeText("the container did not answer", error) });
      }
    },
    async watch({ runs: asks, waitMs }, signal) {
      const untilMs = Date.now() + waitMs;
      signal.addEventListener("abort", () => bell.ring(), { once: true });
      for (;;) {
        const news = asks.flatMap((ask): RunNews[] => {
          const run = runs.get(ask.runId);
          const unknown = {
            runId: ask.runId,
            run: { state: "unknown" },
            stdout: "",
            stderr: "",
            capped: false,
          } as const;
          return [run === undefined ? unknown : run.news(ask)].filter((one) => one !== undefined);
        });
        const leftMs = untilMs - Date.now();
        if (news.length > 0 || leftMs <= 0 || signal.aborted) return answer({ runs: news });
        await bell.wait(leftMs);
      }
    },
    async stop(runId) {
      runs.get(runId)?.stop("stop");
      return answer(stateOf(runId));
    },
    async forget(runId) {
      runs.get(runId)?.kill();
      runs.delete(runId);
      return answer(null);
    },
  };
}

/** Why not, or undefined once it runs commands. */
async function makeReady(container: Container): Promise<string | undefined> {
  let cause = "";
  for (let tries = 0; tries < READY_TRIES; tries++) {
    try {
      if (!container.running) {
        container.start({ entrypoint: IDLE, enableInternet: true });
        await container.setInactivityTimeout(INACTIVE_MS);
      }
      await (await container.exec(["/bin/sh", "-c", ":"])).exitCode;
      return undefined;
    } catch (error) {
      cause = causeText("the container does not start", error);
      await scheduler.wait(READY_POLL_MS);
    }
  }
  return cause;
}
