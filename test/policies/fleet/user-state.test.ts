// What is made of what can be known of users' executors.

import { describe, expect, it } from "vitest";
import type { ExecutorStanding } from "../../../src/contracts/executor-standing.ts";
import { stateDashboard, userState } from "../../../src/policies/fleet/user-state.ts";

const user = (id: string) => ({
  id,
  name: id.toUpperCase(),
  tier: 1 as const,
  createdAt: 1,
  updatedAt: 1,
  restartedAt: 5,
});
const answers: ExecutorStanding = { kind: "answers", running: new Map([["busy", 2]]) };
const nobody = new Set<string>();
const stateOf = (id: string, standing: ExecutorStanding, restarting: ReadonlySet<string> = nobody) =>
  userState(user(id), { standing, restarting });

describe("a user's executor", () => {
  it.each<[string, string, ExecutorStanding, object]>([
    ["active", "busy", answers, { runningExecs: 2 }],
    ["idle", "quiet", answers, { runningExecs: 0 }],
    ["stopped", "busy", { kind: "unset" }, { runningExecs: null }],
    [
      "error",
      "busy",
      { kind: "silent", cause: "refused connection" },
      { runningExecs: null, cause: "refused connection" },
    ],
    ["error", "busy", { kind: "refused", cause: "401" }, { runningExecs: null, cause: "401" }],
  ])("is %s for %s", (state, id, standing, known) => {
    expect(stateOf(id, standing)).toEqual({ userId: id, state, restartedAt: 5, ...known });
  });

  it.each([
    ["idle", { container: "up", running: 0 }, 0],
    ["active", { container: "up", running: 3 }, 3],
    ["stopped", { container: "down", running: 0 }, 0],
    ["error", undefined, null],
  ] as const)("in a container is %s where its object says %j", (state, said, runningExecs) => {
    const of = new Map(said === undefined ? [] : [["own", said]]);
    expect(stateOf("own", { kind: "containers", of })).toMatchObject({ state, runningExecs });
  });

  it("that is being restarted is starting, whatever it runs and whether it answers; nobody else's is", () => {
    const restarting = new Set(["busy"]);
    expect(stateOf("busy", answers, restarting)).toMatchObject({ state: "starting", runningExecs: 2 });
    expect(stateOf("busy", { kind: "silent", cause: "" }, restarting).state).toBe("starting");
    expect(stateOf("quiet", answers, restarting).state).toBe("idle");
  });
});

describe("the dashboard", () => {
  it("has exactly the document's keys, and counts that add up", () => {
    const facts = { standing: answers, restarting: new Set(["c"]) };
    const board = stateDashboard(["a", "busy", "c", "d"].map(user), facts, { nowMs: 99, totalLatencyMs: 7 });
    expect(board.users.map(({ userId, name, state }) => [userId, name, state])).toEqual([
      ["a", "A", "idle"],
      ["busy", "BUSY", "active"],
      ["c", "C", "starting"],
      ["d", "D", "idle"],
    ]);
    const { users, ...rest } = board;
    expect(users).toHaveLength(4);
    expect(rest).toEqual({
      summary: { total: 4, active: 1, idle: 2, starting: 1, stopped: 0, error: 0 },
      totalLatencyMs: 7,
      checkedAt: 99,
    });
  });

  it("of nobody is empty", () => {
    const board = stateDashboard([], { standing: answers, restarting: nobody }, { nowMs: 1, totalLatencyMs: 0 });
    expect([board.users, board.summary.total]).toEqual([[], 0]);
  });
});
