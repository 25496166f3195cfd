// Who registers itself and who is taken out: what a pool's registry makes of it, and when nothing is in flight any more over the whole fleet.

import { describe, expect, it } from "vitest";
import type { LifecycleAction } from "../../../src/contracts/lifecycle.ts";
import type { LeaseCall, LeaseReply } from "../../../src/contracts/registry.ts";
import { answerLeaseCall } from "../../../src/policies/balancing/answer-lease-call.ts";
import { lapseMembers, openBooks, renewRoster } from "../../../src/policies/balancing/registry-books.ts";
import {
  changeLifecycle,
  isDrained,
  progressIn,
  settleClosings,
  surplusClosings,
} from "../../../src/policies/lifecycle/closings.ts";
import {
  REGISTERED_MAX,
  registerInstance,
  removeRegistration,
  renewRegistration,
} from "../../../src/policies/lifecycle/member-book.ts";
import { readRegistration, withRegistered } from "../../../src/policies/lifecycle/read-registration.ts";
import { callUnder, rosterOfIds } from "../balancing/isolate-calls.ts";

const START_MS = 1_000_000;
const roster = rosterOfIds(["a", "b"]);

function registry(known = roster) {
  const books = openBooks(undefined, undefined);
  const clock = { nowMs: START_MS };
  const calls = new Map<string, number>();
  const call = (isolateId: string, more: Partial<LeaseCall> = {}): Extract<LeaseReply, { kind: "leased" }> => {
    const callId = (calls.get(isolateId) ?? 0) + 1;
    calls.set(isolateId, callId);
    const made = callUnder(known, { isolateId, callId, since: callId - 1, roster: known, membership: 0, ...more });
    const reply = answerLeaseCall(books, made, clock.nowMs);
    if (reply.kind !== "leased") throw new Error(reply.kind);
    return reply;
  };
  const register = (id: string, ttlMs = 30_000) => {
    const registered = registerInstance(books.members, { id, url: `http://${id}` }, { ttlMs, nowMs: clock.nowMs });
    renewRoster(books, clock.nowMs);
    return registered;
  };
  let changes = 0;
  const change = (action: LifecycleAction, instanceIds: readonly string[], more: object = {}) =>
    changeLifecycle(
      books.members,
      { action, instanceIds, changeId: `change-${++changes}`, drainMs: 30_000, ...more },
      clock.nowMs,
    );
  const progress = (id: string) => progressIn(books, clock.nowMs)(id);
  return { books, clock, call, register, change, progress };
}

describe("a registered instance", () => {
  it("stands behind those configured, in the order they came, and a position means what it says over all of them", () => {
    const { books, call, register } = registry();
    call("x");
    register("z");
    register("c");
    expect(books.roster).toMatchObject({ version: 3, instances: [{ id: "a" }, { id: "b" }, { id: "z" }, { id: "c" }] });
    expect(call("x", { want: 4 })).toMatchObject({
      range: { rosterVersion: 3, count: 4 },
      membership: { version: 2, registered: [{ id: "z", url: "http://z" }, { id: "c" }], closed: [] },
    });
  });

  it("is told of once: an isolate that acts on it, or knows nothing of such instances, hears no more", () => {
    const { call, register } = registry();
    expect(call("x").membership).toBeUndefined();
    register("c");
    expect(call("x").membership?.version).toBe(1);
    expect(call("x", { membership: 1 }).membership).toBeUndefined();
    const { membership: _, ...old } = callUnder(roster, { isolateId: "old", callId: 1 });
    expect(call("old", { ...old, membership: undefined } as unknown as Partial<LeaseCall>).membership).toBeUndefined();
  });

  it("changes nothing when it registers again as it was, and the version when it says something else", () => {
    const { books, register } = registry();
    expect(register("c")).toMatchObject({ ok: true, value: { isNew: true } });
    expect(register("c")).toMatchObject({ ok: true, value: { isNew: false } });
    expect(books.members.version).toBe(1);
    registerInstance(books.members, { id: "c", url: "http://else" }, { ttlMs: 30_000, nowMs: START_MS });
    expect(books.members.version).toBe(2);
  });

  it("lapses at its time and not before, unless it was heard of, and is unknown then", () => {
    const { books, clock, call, register } = registry();
    call("x");
    register("c", 5_000);
    const beat = () => renewRegistration(books.members, "c", { load: { cpu: 0.5 }, nowMs: clock.nowMs });
    clock.nowMs += 4_999;
    expect(beat()).toMatchObject({ ok: true, value: { cpu: 0.5, expiresAtMs: clock.nowMs + 5_000 } });
    clock.nowMs += 4_999;
    expect(lapseMembers(books, clock.nowMs)).toEqual([]);
    clock.nowMs += 1;
    expect(lapseMembers(books, clock.nowMs)).toEqual(["c"]);
    expect(books.roster?.instances.map(({ id }) => id)).toEqual(["a", "b"]);
    expect(beat()).toMatchObject({ ok: false, code: "unknown_instance" });
    expect(call("x", { membership: 1 }).membership).toMatchObject({ version: 2, registered: [] });
  });

  it("is refused beyond the pool's bound, while one that is known may still renew itself", () => {
    const { register, books } = registry();
    for (let i = 0; i < REGISTERED_MAX; i++) expect(register(`i${i}`).ok).toBe(true);
    expect(register("one-more")).toMatchObject({ ok: false, code: "registry_full" });
    expect(register("i0").ok).toBe(true);
    expect(removeRegistration(books.members, "i0")).toBe(true);
    expect(removeRegistration(books.members, "i0")).toBe(false);
    expect(register("one-more").ok).toBe(true);
  });

  it("gives way to a configured instance of its id", () => {
    const configured = [{ id: "a" }, { id: "b" }];
    expect(withRegistered(configured, [{ id: "b" }, { id: "c" }])).toEqual([...configured, { id: "c" }]);
    expect(withRegistered(configured, [])).toBe(configured);
  });
});

describe("readRegistration", () => {
  const read = (said: object, allowPrivate = false) =>
    readRegistration("c", { url: "https://c.example", ...said }, { allowPrivate });

  it("keeps the address without its trailing slash, and what else is said", () => {
    expect(read({ url: "https://C.example:443/v1/", weight: 2, ttlMs: 5_000 })).toEqual({
      ok: true,
      value: { id: "c", url: "https://c.example/v1", weight: 2 },
    });
  });

  it.each([
    [{ url: "ftp://c.example" }, "invalid_body"],
    [{ url: "https://user:word@c.example" }, "invalid_body"],
    [{ url: "https://c.example/#x" }, "invalid_body"],
    [{ url: "https://c.example/../x" }, "invalid_body"],
    [{ url: "c.example" }, "invalid_body"],
    [{ restartUrl: "https://u@c.example/restart" }, "invalid_body"],
    [{ apiKeyEnv: "ADMIN_SECRET" }, "invalid_body"],
    [{ apiKeyEnv: "ORCHESTRATOR_API_KEY" }, "invalid_body"],
    [{ url: "http://127.0.0.1:1" }, "private_origin"],
    [{ restartUrl: "http://[::1]/restart" }, "private_origin"],
  ])("refuses %j with %s", (said, code) => {
    expect(read(said)).toMatchObject({ ok: false, code });
  });

  it("lets private addresses pass where they are allowed, and nothing else", () => {
    expect(read({ url: "http://127.0.0.1:1", restartUrl: "http://localhost/restart?now" }, true).ok).toBe(true);
    expect(read({ url: "http://u@127.0.0.1:1" }, true)).toMatchObject({ code: "invalid_body" });
  });
});

describe("a closed instance", () => {
  it("is told to every isolate with its next call, keeps its place in the order, and is picked by nobody, panic or not", () => {
    const leastConnections = rosterOfIds(["a", "b"], { strategy: "least-connections" });
    const { books, call, change } = registry(leastConnections);
    call("x");
    change("stop", ["a"]);
    const reply = call("x", { pick: true, avoid: ["b"] });
    expect(reply).toMatchObject({ pick: "b", membership: { closed: ["a"] } });
    expect(books.roster?.version).toBe(1);
    change("stop", ["b"]);
    expect(call("x", { pick: true, membership: 1 }).pick).toBeUndefined();
    change("start", ["a", "b"]);
    expect(call("x", { pick: true, membership: 2 })).toMatchObject({
      pick: "a",
      membership: { version: 3, closed: [] },
    });
  });

  it("tells its sockets to reconnect within the first half of its time, counted from when it began", () => {
    const { clock, call, change } = registry();
    change("drain", ["a"], { drainMs: 10_000 });
    const within = () => call("x").membership?.reconnect;
    expect(within()).toEqual([["a", 5_000]]);
    clock.nowMs += 4_000;
    expect(within()).toEqual([["a", 1_000]]);
    clock.nowMs += 4_000;
    expect(within()).toEqual([["a", 0]]);
  });
});

describe("an instance is drained", () => {
  it("once every isolate acts on its closing and none reports a request on it, not before", () => {
    const { call, change, progress } = registry();
    call("x", { inFlight: [["a", 2]] });
    call("y");
    change("drain", ["a"]);
    expect(progress("a")).toMatchObject({ state: "draining", inFlight: 2, unheard: 2 });
    // Heard, but what it began before it had heard may be missing from this report.
    call("x", { inFlight: [["a", 1]] });
    call("y");
    expect(progress("a")).toMatchObject({ inFlight: 1, unheard: 2 });
    call("x", { inFlight: [["a", 1]], membership: 1 });
    call("y", { membership: 1 });
    expect(progress("a")).toMatchObject({ inFlight: 1, unheard: 0 });
    call("x", { membership: 1 });
    expect(isDrained(progress("a"))).toBe(true);
  });

  it("without isolates that were silent for so long that they must ask first, but not without those that never heed", () => {
    const { clock, call, change, progress } = registry();
    call("idle");
    call("old", { membership: undefined } as unknown as Partial<LeaseCall>);
    change("drain", ["a"]);
    expect(progress("a").unheard).toBe(2);
    clock.nowMs += 3_000;
    expect(progress("a").unheard).toBe(1);
  });

  it("with an isolate that has a request under way elsewhere only once that has heard: it may hedge it or try it again at once", () => {
    const { clock, call, change, progress } = registry();
    call("busy", { inFlight: [["b", 1]] });
    change("drain", ["a"]);
    clock.nowMs += 5_000;
    expect(progress("a").unheard).toBe(1);
    call("busy", { inFlight: [["b", 1]], membership: 1 });
    expect(progress("a").unheard).toBe(0);
  });

  it("not before a registry that was restarted can know what is in flight", () => {
    const books = openBooks({ ...roster, version: 1 }, undefined, { completeAtMs: START_MS + 7_000 });
    changeLifecycle(books.members, { action: "stop", instanceIds: ["a"], changeId: "1", drainMs: 30_000 }, START_MS);
    expect(isDrained(progressIn(books, START_MS + 6_999)("a"))).toBe(false);
    expect(isDrained(progressIn(books, START_MS + 7_000)("a"))).toBe(true);
  });
});

describe("a change", () => {
  it.each([
    ["drain", "draining"],
    ["stop", "out"],
    ["restart", "out"],
  ] as const)("to %s leaves a drained instance %s", (action, state) => {
    const { books, clock, change, progress } = registry();
    change(action, ["a"]);
    settleClosings(books, clock.nowMs);
    expect(progress("a").state).toBe(state);
  });

  it("to stop takes an instance out at its deadline, whatever is left, and not before", () => {
    const { books, clock, call, change, progress } = registry();
    call("x", { inFlight: [["a", 1]] });
    change("stop", ["a"], { drainMs: 5_000 });
    clock.nowMs += 4_999;
    expect(settleClosings(books, clock.nowMs)).toEqual([]);
    clock.nowMs += 1;
    expect(settleClosings(books, clock.nowMs)).toMatchObject([{ instanceId: "a", state: "out" }]);
    expect(progress("a")).toMatchObject({ state: "out", inFlight: 1 });
  });

  it("wins over those before it: whoever waits for one of those sees that it is not his any more", () => {
    const { change, progress } = registry();
    change("stop", ["a"]);
    const first = progress("a").changeId;
    change("start", ["a"]);
    expect(progress("a")).toMatchObject({ state: "in", unheard: 0 });
    expect(progress("a").changeId).toBeUndefined();
    change("restart", ["a"]);
    expect(progress("a").changeId).not.toBe(first);
  });

  it("made twice goes on as one, but a restart, of which the later one alone may put the instance in", () => {
    const { change, progress } = registry();
    change("stop", ["a"]);
    const stop = progress("a").changeId;
    change("stop", ["a"]);
    expect(progress("a").changeId).toBe(stop);
    change("restart", ["a"]);
    const { changeId: first = "" } = progress("a");
    change("restart", ["a"]);
    const { changeId: second = "" } = progress("a");
    expect(change("start", ["a"], { after: first }).opened).toEqual([]);
    expect(change("start", ["a"], { after: second }).opened).toEqual(["a"]);
  });

  it("that is conditional does nothing once another was made", () => {
    const { change, progress } = registry();
    change("restart", ["a"]);
    const { changeId = "" } = progress("a");
    change("stop", ["a"]);
    expect(change("start", ["a"], { after: changeId }).opened).toEqual([]);
    expect(progress("a").state).not.toBe("in");
    expect(change("start", ["a"], { after: progress("a").changeId }).opened).toEqual(["a"]);
  });

  it("is forgotten only beyond two thousand, and only of instances the pool does not have", () => {
    const { books, change } = registry();
    change("stop", ["a", ...Array.from({ length: 2_000 }, (_, i) => `gone-${i}`)]);
    expect(surplusClosings(books.members, [{ id: "a" }])).toEqual(["gone-0"]);
    expect(surplusClosings(books.members, [{ id: "a" }])).toEqual([]);
    expect(books.members.closings.has("a")).toBe(true);
  });
});
