// Ejections and what probes found, in one list.

import { describe, expect, it } from "vitest";
import { listHealthEvents } from "../../../src/policies/health/health-history.ts";

const START_MS = Date.UTC(2040, 0, 1);
const ejection = (atMs: number, instanceId = "a") => ({ instanceId, times: 2, atMs, untilMs: atMs + 60_000 });
const transition = (atMs: number, instanceId = "b") =>
  ({ instanceId, from: "healthy", to: "unhealthy", atMs, why: "no answer in 5 s" }) as const;

describe("the history of a pool", () => {
  it("has ejections and transitions in the order they happened, the newest first, each with what belongs to it", () => {
    const events = listHealthEvents(
      [ejection(START_MS + 2_000), ejection(START_MS)],
      [transition(START_MS + 3_000), transition(START_MS + 1_000, "c")],
    );
    expect(events).toEqual([
      { at: "2040-01-01T00:00:03.000Z", instance: "b", state: "unhealthy", from: "healthy", why: "no answer in 5 s" },
      { at: "2040-01-01T00:00:02.000Z", instance: "a", state: "ejected", times: 2, until: "2040-01-01T00:01:02.000Z" },
      { at: "2040-01-01T00:00:01.000Z", instance: "c", state: "unhealthy", from: "healthy", why: "no answer in 5 s" },
      { at: "2040-01-01T00:00:00.000Z", instance: "a", state: "ejected", times: 2, until: "2040-01-01T00:01:00.000Z" },
    ]);
  });

  it("is the newest 1,000 of both together, and empty where nothing has happened", () => {
    const ejections = Array.from({ length: 1_000 }, (_, i) => ejection(START_MS + 2 * (999 - i)));
    const transitions = Array.from({ length: 1_000 }, (_, i) => transition(START_MS + 2 * (999 - i) + 1));
    const events = listHealthEvents(ejections, transitions);
    expect(events).toHaveLength(1_000);
    expect(events.filter(({ state }) => state === "ejected")).toHaveLength(500);
    expect(events.at(-1)?.at).toBe(new Date(START_MS + 1_000).toISOString());
    expect(listHealthEvents([], [])).toEqual([]);
  });
});
