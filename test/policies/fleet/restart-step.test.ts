// How one user's restart goes on, on both sides of its bound; and when a job begins at all.

import { describe, expect, it } from "vitest";
import { decideRestart, JOBS_AT_ONCE_MAX } from "../../../src/policies/fleet/decide-restart.ts";
import { nextStep } from "../../../src/policies/fleet/restart-step.ts";

const START = 1_000;
const cause = "connection refused";
const at = (ageMs: number) => [START, START + ageMs] as const;

describe("a user's restart", () => {
  it("has succeeded when nothing of before runs, however late", () => {
    expect(nextStep({ kind: "ended" }, ...at(90_000))).toEqual({ status: "restarted" });
  });

  it("looks again while execs are ending, and is given up after 30 s with how many are left", () => {
    const ending = { kind: "ending", left: 2 } as const;
    expect(nextStep(ending, ...at(29_999))).toEqual({ status: "restarting", againInMs: 250 });
    expect(nextStep(ending, ...at(30_000))).toEqual({
      status: "failed",
      error: "2 execs have not ended within 30000 ms",
    });
  });

  it("asks a silent executor again, and is given up after 30 s with its cause", () => {
    const silent = { kind: "silent", cause } as const;
    expect(nextStep(silent, ...at(29_999))).toEqual({ status: "restarting", againInMs: 1_000 });
    expect(nextStep(silent, ...at(30_000))).toEqual({ status: "failed", error: cause });
  });

  it("fails at once where the executor refuses", () => {
    expect(nextStep({ kind: "refused", cause }, ...at(0))).toEqual({ status: "failed", error: cause });
  });
});

describe("a job", () => {
  const facts = { digest: "d", byId: undefined, byKey: undefined, running: 0, unknown: [] };
  const known = { jobId: "j", digest: "d" };

  it("begins, unless it was asked for already under its id or key", () => {
    expect(decideRestart(facts)).toEqual({ kind: "new" });
    expect(decideRestart({ ...facts, byId: known })).toEqual({ kind: "same", jobId: "j" });
    // Whoever was deleted since, and however many jobs run: it has begun.
    const later = { ...facts, byKey: known, unknown: [0], running: JOBS_AT_ONCE_MAX };
    expect(decideRestart(later)).toEqual({ kind: "same", jobId: "j" });
  });

  it("is refused under a key that stands for another", () => {
    const decision = decideRestart({ ...facts, byKey: { jobId: "j", digest: "other" } });
    expect(decision).toMatchObject({ kind: "refused", refusal: { code: "idempotency_mismatch" } });
  });

  it("is refused for users who are not registered, naming each", () => {
    expect(decideRestart({ ...facts, unknown: [0, 2] })).toMatchObject({
      refusal: { code: "unknown_user", data: { problems: [{ path: "userIds[0]" }, { path: "userIds[2]" }] } },
    });
  });

  it("is one too many at the bound, and not below it", () => {
    const refusal = { code: "too_many_at_once" };
    expect(decideRestart({ ...facts, running: JOBS_AT_ONCE_MAX })).toMatchObject({ refusal });
    expect(decideRestart({ ...facts, running: JOBS_AT_ONCE_MAX - 1 })).toEqual({ kind: "new" });
  });
});
