// The states of an exec: every legal step, and that there is no other.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ExecStatus, isTerminal } from "../../../src/contracts/exec.ts";
import { decideCancel, mayBecome } from "../../../src/policies/exec/exec-status.ts";

const STATES = ExecStatus.options;
const LEGAL = [
  ["queued", "running"],
  ["queued", "failed"],
  ["queued", "cancelled"],
  ["queued", "lost"],
  ["running", "succeeded"],
  ["running", "failed"],
  ["running", "timed_out"],
  ["running", "cancelled"],
  ["running", "lost"],
] as const;

describe("an exec's state", () => {
  it.each(LEGAL)("may go from %s to %s", (from, to) => {
    expect(mayBecome(from, to)).toBe(true);
  });

  it("goes no other way: not back, not to itself, and nowhere once it has ended", () => {
    const legal = new Set(LEGAL.map(([from, to]) => `${from} ${to}`));
    for (const from of STATES)
      for (const to of STATES) expect([from, to, mayBecome(from, to)]).toEqual([from, to, legal.has(`${from} ${to}`)]);
  });

  it("ends after at most two steps, whatever is tried", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...STATES)), (tried) => {
        let state: ExecStatus = "queued";
        let steps = 0;
        for (const to of tried) {
          if (!mayBecome(state, to)) continue;
          expect(isTerminal(state)).toBe(false);
          state = to;
          steps++;
        }
        expect(steps).toBeLessThanOrEqual(2);
      }),
    );
  });
});

describe("cancelling", () => {
  it.each([
    ["queued", "ask"],
    ["running", "ask"],
    ["cancelled", "done"],
    ["succeeded", "ended"],
    ["failed", "ended"],
    ["timed_out", "ended"],
    ["lost", "ended"],
  ] as const)("an exec that is %s: %s", (status, decision) => {
    expect(decideCancel(status)).toBe(decision);
  });
});
