// How an exec begins, how what its executor tells changes it, and when it is given up.

import { describe, expect, it } from "vitest";
import type { RunState } from "../../../src/contracts/executor.ts";
import { type ExecRecord, newExec, overdue, settle, summaryOf } from "../../../src/policies/exec/exec-record.ts";
import { outcomeOfNews, outcomeOfStart, outcomeOfStop } from "../../../src/policies/exec/run-outcome.ts";

const T0 = 1_000_000;
const DAY = 86_400_000;
const ORDER = { command: "env", env: { SECRET: "s3cret" }, workingDir: ".", timeoutMs: 1_000 };
const queued = newExec(
  { userId: "u", execId: "e", digest: "d", order: ORDER },
  { runId: "r", nowMs: T0, outputBytesMax: 10, queueDeadlineMs: 30_000 },
);
const running: ExecRecord = { ...queued, status: "running", startedAt: T0 + 10 };
const ended = (more: object = {}): RunState => ({
  state: "ended",
  startedAtMs: T0 + 10,
  endedAtMs: T0 + 20,
  exitCode: 0,
  by: "itself",
  ...more,
});

describe("an executor's answer to a start", () => {
  it.each([
    ["running", { state: "running", startedAtMs: T0 + 5 }, { status: "running", startedAt: T0 + 5 }],
    ["over already: its output has yet to come", ended(), { status: "running", startedAt: T0 + 10 }],
    ["rejected", { state: "rejected", cause: "no folder" }, { status: "failed", error: "no folder", startedAt: null }],
    ["lost", { state: "lost", cause: "gone" }, { status: "lost", error: "gone", exitCode: null }],
  ] as const)("%s", (_, run, after) => {
    const outcome = outcomeOfStart(run as RunState);
    expect(outcome && settle(queued, outcome, T0 + 100)).toMatchObject(after);
  });

  it("that knows nothing of it changes nothing", () => {
    expect(outcomeOfStart({ state: "unknown" })).toBeUndefined();
  });
});

describe("what a watched run tells", () => {
  it.each([
    ["exit code 0", ended(), { status: "succeeded", exitCode: 0, error: null }],
    ["exit code 3", ended({ exitCode: 3 }), { status: "failed", exitCode: 3, error: "it ended with exit code 3" }],
    ["killed by somebody", ended({ exitCode: null }), { status: "failed", exitCode: null, error: "it was killed" }],
    ["its timeout", ended({ by: "timeout", exitCode: 143 }), { status: "timed_out", exitCode: 143 }],
    ["its cancellation, also with exit code 0", ended({ by: "stop" }), { status: "cancelled", exitCode: 0 }],
    ["its executor's end", ended({ by: "shutdown" }), { status: "failed", error: "its executor was stopped" }],
    ["no process and no exit code", { state: "lost", cause: "gone" }, { status: "lost", error: "gone" }],
    ["no record", { state: "unknown" }, { status: "lost", error: "the executor has no record of it" }],
  ] as const)("%s", (_, run, after) => {
    const outcome = outcomeOfNews(run as RunState);
    expect(outcome && settle(running, outcome, T0 + 100)).toMatchObject({ ...after, completedAt: expect.any(Number) });
  });

  it("keeps times in order, whatever the executor's clock says, and a day from the end", () => {
    const at = (endedAtMs: number) => {
      const outcome = outcomeOfNews(ended({ endedAtMs }));
      const settled = outcome && settle(running, outcome, T0 + 100);
      expect(settled?.expiresAt).toBe((settled?.completedAt ?? 0) + DAY);
      return settled?.completedAt;
    };
    expect([at(T0 - DAY), at(T0 + 20), at(T0 + DAY)]).toEqual([T0 + 10, T0 + 20, T0 + 100]);
  });

  it("takes the environment away with the end, and tells nobody of it before", () => {
    const outcome = outcomeOfNews(ended());
    expect(outcome && settle(running, outcome, T0 + 100)?.order.env).toEqual({});
    expect(JSON.stringify([summaryOf(queued), summaryOf(running)])).not.toContain("s3cret");
  });
});

describe("a stop", () => {
  it("of a run that never began cancels it", () => {
    const outcome = outcomeOfStop({ state: "unknown" });
    expect(outcome && settle(queued, outcome, T0 + 1)).toMatchObject({ status: "cancelled", exitCode: null });
  });

  it("of a run that goes on leaves the end to the run", () => {
    expect(outcomeOfStop({ state: "running", startedAtMs: T0 })).toEqual({ status: "running", startedAtMs: T0 });
    expect(settle(running, { status: "running", startedAtMs: T0 }, T0 + 1)).toBeUndefined();
  });
});

it("what has ended is changed by no further outcome", () => {
  const lost = settle(queued, { status: "lost", exitCode: null, error: "silence" }, T0 + 30_000);
  const late = outcomeOfNews(ended());
  expect(lost && late && settle(lost, late, T0 + 40_000)).toBeUndefined();
});

describe("an exec is given up", () => {
  it.each([
    ["queued, just before its deadline", queued, T0 + 29_999, undefined],
    ["queued, at its deadline", queued, T0 + 30_000, "the executor did not answer within 30000 ms: refused"],
    ["running, long after that", running, T0 + DAY - 1, undefined],
    ["running, after a day", running, T0 + DAY, "the executor did not answer for a day: refused"],
  ])("%s", (_, exec, nowMs, error) => {
    expect(overdue(exec, "refused", nowMs)).toEqual(
      error === undefined ? undefined : { status: "lost", exitCode: null, error },
    );
  });

  it("never once it has ended", () => {
    const cancelled = settle(queued, { status: "cancelled", exitCode: null, error: null }, T0);
    expect(cancelled && overdue(cancelled, undefined, T0 + 10 * DAY)).toBeUndefined();
  });
});
