// The HealthMonitor object through its stub: who is probed when, what the registry hears, what survives, and what ends it.

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { HealthMonitor } from "../../durable-objects/health-monitor/health-monitor-object.ts";
import type { HealthTransition } from "../../src/contracts/health.ts";

/** Ahead of the real clock, so that no alarm fires by itself. */
const START_MS = Date.UTC(2040, 0, 1);
const TABLES = ["plan", "probes", "transitions"];

type Answer = () => Response | Promise<Response>;
/** By host: what its origin does. Whoever is not in here answers 200. */
let answers: Map<string, Answer>;
/** Every request that was sent to an origin, as `host/path`. */
let sent: string[];
let lines: { msg: string; pool?: string; instance?: string; failures?: number }[];

const refuse: Answer = () => {
  throw new Error("Network connection lost.");
};
const hang: Answer = () => new Promise(() => undefined);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: START_MS });
  answers = new Map();
  sent = [];
  lines = [];
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input) => {
    const { host, pathname } = new URL(String(input));
    sent.push(host + pathname);
    return await (answers.get(host) ?? (() => new Response("ok")))();
  });
  for (const level of ["warn", "error"] as const) {
    vi.spyOn(console, level).mockImplementation((line: string) => void lines.push(JSON.parse(line)));
  }
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const control = env.CONTROL.getByName("1:plane");
let count = 0;

async function store(pool: string, config: object | null): Promise<void> {
  const patch = { pools: { [pool]: config } };
  const stored = await control.patch({ commandId: crypto.randomUUID(), actor: "test", patch });
  expect(stored).toMatchObject({ ok: true });
}

const origins = (...ids: readonly string[]) => ids.map((id) => ({ id, url: `http://${id}.test` }));
const alarmAt = (stub: DurableObjectStub<HealthMonitor>) =>
  runInDurableObject(stub, (_, { storage }) => storage.getAlarm());
const rowsOf = (stub: DurableObjectStub<HealthMonitor>) =>
  runInDurableObject(stub, (_, { storage: { sql } }) =>
    TABLES.map((table) => sql.exec(`SELECT * FROM ${table}`).toArray().length),
  );

/** A pool of its own with its monitor, not watched yet. */
async function create(ids: readonly string[], health: object | null = {}) {
  const pool = `monitored-${++count}`;
  const write = (instances: readonly object[], its = health) => store(pool, { instances, health: its });
  await write(origins(...ids));
  const stub = env.HEALTH.getByName(`1:${pool}`);
  return {
    pool,
    stub,
    write,
    registry: env.REGISTRY.getByName(`1:${pool}`),
    /** Lets time pass until the alarm, and has it go off; returns how long that was. */
    round: async () => {
      const waitMs = Math.max(0, ((await alarmAt(stub)) ?? Number.NaN) - Date.now());
      vi.setSystemTime(Date.now() + waitMs);
      await runDurableObjectAlarm(stub);
      return waitMs;
    },
    transitions: async () =>
      (await stub.transitions()).map(({ instanceId, from, to }: HealthTransition) => `${instanceId} ${from} ${to}`),
  };
}
type Monitored = Awaited<ReturnType<typeof create>>;

/** Watched, and every instance probed for the first time. */
async function begin(ids: readonly string[], health: object = {}): Promise<Monitored> {
  const monitored = await create(ids, health);
  await monitored.stub.watch();
  await monitored.round();
  vi.setSystemTime(Date.now() + 1_000);
  await monitored.round();
  return monitored;
}

/** Rounds until this many more requests have been sent; how long they took. */
async function probe({ round }: Monitored, requests: number): Promise<number[]> {
  const until = sent.length + requests;
  const waits: number[] = [];
  while (sent.length < until) {
    if (waits.length > requests + 10) throw new Error("nobody is probed");
    waits.push(await round());
  }
  return waits;
}

describe("an instance that registers itself", () => {
  it("is probed once the monitor is told, is one of those its registry hears of, and is not probed any more once it has lapsed", async () => {
    const monitored = await begin(["a"], { intervalMs: 10_000 });
    const { registry, stub } = monitored;
    await registry.register({ id: "late", url: "http://late.test" }, 15_000);
    await stub.watch();
    await probe(monitored, 2);
    expect(sent).toContain("late.test/version");
    expect((await registry.health()).probed).toContainEqual(
      expect.objectContaining({ instanceId: "late", state: "healthy" }),
    );
    vi.setSystemTime(Date.now() + 15_000);
    await monitored.round();
    sent = [];
    await probe(monitored, 3);
    expect(new Set(sent)).toEqual(new Set(["a.test/version"]));
    expect((await registry.health()).probed?.map(({ instanceId }) => instanceId)).toEqual(["a"]);
  });

  it("is probed where nobody is configured, and on, as known last, over an eviction and a change of the configuration", async () => {
    const monitored = await create([]);
    const { registry, stub, pool } = monitored;
    await store(pool, { instances: null, registration: {}, health: { intervalMs: 10_000 } });
    await registry.register({ id: "late", url: "http://late.test" }, 600_000);
    await stub.watch();
    await probe(monitored, 1);
    await evictDurableObject(stub);
    await store(pool, { health: { intervalMs: 20_000 } });
    await stub.watch();
    await probe(monitored, 2);
    expect(new Set(sent)).toEqual(new Set(["late.test/version"]));
  });
});

describe("a pool that is watched", () => {
  it("is probed within a second of the first alarm, each instance once, and its registry hears of it", async () => {
    const { registry, transitions } = await begin(["a", "b"]);
    expect(sent.toSorted()).toEqual(["a.test/version", "b.test/version"]);
    expect((await registry.health()).probed).toMatchObject([
      { instanceId: "a", state: "healthy" },
      { instanceId: "b", state: "healthy" },
    ]);
    expect((await transitions()).toSorted()).toEqual(["a unknown healthy", "b unknown healthy"]);
  });

  it("is asked for /health where /version is no answer, and at its own path alone where it has one", async () => {
    answers.set("a.test", () => new Response("?", { status: 404 }));
    await begin(["a"]);
    expect(sent).toEqual(["a.test/version", "a.test/health"]);
    sent = [];
    await begin(["a"], { path: "/up" });
    expect(sent).toEqual(["a.test/up"]);
  });

  it("is probed again every 30 s, give or take a tenth", async () => {
    const monitored = await begin(["a"]);
    for (let times = 0; times < 3; times++) {
      const [waitMs] = await probe(monitored, 1);
      expect(waitMs).toBeGreaterThanOrEqual(27_000);
      expect(waitMs).toBeLessThanOrEqual(33_000);
    }
  });

  it("is not begun anew by being watched once more", async () => {
    const monitored = await begin(["a"]);
    await monitored.stub.watch();
    await monitored.round();
    expect(sent).toHaveLength(1);
    expect(await monitored.transitions()).toEqual(["a unknown healthy"]);
  });

  it("without health is never probed, and leaves nothing behind", async () => {
    const { stub, round } = await create(["a"], null);
    await stub.watch();
    await round();
    expect(sent).toEqual([]);
    expect(await alarmAt(stub)).toBeNull();
    expect(await rowsOf(stub)).toEqual([0, 0, 0]);
  });

  it("by service binding, by fetch and by RPC, is probed too", async () => {
    const { pool, stub, round, registry } = await create([]);
    const instances = [
      { id: "fetched", binding: "AUTH_APP" },
      { id: "called", binding: "CONSOLE_APP", rpc: true },
    ];
    await store(pool, { instances, health: { path: "/up" } });
    await stub.watch();
    await round();
    vi.setSystemTime(Date.now() + 1_000);
    await round();
    expect((await registry.health()).probed).toMatchObject([{ state: "healthy" }, { state: "healthy" }]);
    await store(pool, { instances, health: { path: "/throw", retries: 1 } });
    await stub.watch();
    await round();
    while ((await registry.status()).unhealthy.length < 2) await round();
    expect((await registry.status()).unhealthy).toEqual(["called", "fetched"]);
  });
});

describe("an instance that fails", () => {
  it.each([
    ["refuses", refuse],
    ["answers 500", () => new Response("no", { status: 500 })],
    ["leads elsewhere", () => new Response(null, { status: 302, headers: { Location: "http://b.test/version" } })],
    ["does not answer", hang],
  ])(
    "because it %s is unhealthy after three probes, suspected faster, and healthy again after two",
    async (_, fails) => {
      const monitored = await begin(["a", "b"], { path: "/up", timeoutMs: 100 });
      answers.set("a.test", fails);
      const failedAt: number[] = [];
      while (failedAt.length < 3) {
        const before = sent.length;
        await probe(monitored, 1);
        if (sent.slice(before).includes("a.test/up")) failedAt.push(Date.now());
        expect((await monitored.registry.status()).unhealthy).toEqual(failedAt.length < 3 ? [] : ["a"]);
      }
      const [first = 0, second = 0, third = 0] = failedAt;
      for (const suspectMs of [second - first, third - second]) {
        expect(suspectMs).toBeGreaterThanOrEqual(2_700);
        // A tenth later, and as long as two alarms are apart.
        expect(suspectMs).toBeLessThanOrEqual(3_500);
      }
      answers.delete("a.test");
      let answered = 0;
      while (answered < 2) {
        const before = sent.length;
        await probe(monitored, 1);
        answered += sent.slice(before).filter((one) => one === "a.test/up").length;
        expect((await monitored.registry.status()).unhealthy).toEqual(answered < 2 ? ["a"] : []);
      }
      expect((await monitored.transitions()).slice(0, 2)).toEqual(["a unhealthy healthy", "a healthy unhealthy"]);
    },
  );

  it("twice is alerted once, also if it fails on; one that fails once is not", async () => {
    const monitored = await begin(["a"]);
    const alerts = () => lines.filter(({ msg }) => msg === "instance fails its probes");
    answers.set("a.test", refuse);
    await probe(monitored, 2);
    expect(alerts()).toEqual([]);
    await probe(monitored, 2);
    expect(alerts()).toMatchObject([{ level: "warn", pool: monitored.pool, instance: "a", failures: 2 }]);
    await probe(monitored, 8);
    expect(alerts()).toHaveLength(1);
  });

  it("is known to have failed after an eviction, and after one in the middle of nothing is as it was", async () => {
    const monitored = await begin(["a"], { path: "/up" });
    answers.set("a.test", refuse);
    await probe(monitored, 2);
    const due = await alarmAt(monitored.stub);
    await evictDurableObject(monitored.stub);
    expect(await alarmAt(monitored.stub)).toBe(due);
    expect(await monitored.transitions()).toEqual(["a unknown healthy"]);
    await probe(monitored, 1);
    expect(await monitored.transitions()).toEqual(["a healthy unhealthy", "a unknown healthy"]);
    expect((await monitored.registry.status()).unhealthy).toEqual(["a"]);
  });
});

describe("an instance that is slow", () => {
  it("is degraded, and is not called unhealthy for it", async () => {
    const { registry } = await begin(["a", "b", "c"]).then(async (monitored) => {
      answers.set("a.test", () => {
        vi.setSystemTime(Date.now() + 900);
        return new Response("at last");
      });
      await probe(monitored, 3);
      return monitored;
    });
    const { degraded, unhealthy } = await registry.status();
    expect([degraded, unhealthy]).toEqual([["a"], []]);
  });
});

describe("a round", () => {
  it("probes fifteen at most, six at a time, and the others at once afterwards", async () => {
    const ids = Array.from({ length: 20 }, (_, i) => `i${i}`);
    let atOnce = 0;
    let most = 0;
    for (const id of ids) {
      answers.set(`${id}.test`, async () => {
        most = Math.max(most, ++atOnce);
        await scheduler.wait(5);
        atOnce--;
        return new Response("ok");
      });
    }
    const monitored = await begin(ids);
    expect([sent.length, most]).toEqual([15, 6]);
    expect(await monitored.round()).toBe(10);
    expect(sent.length).toBe(20);
    expect(new Set(sent).size).toBe(20);
  });

  it("ends at the deadline of those that hang, and gives them up", async () => {
    const aborted: string[] = [];
    vi.mocked(fetch).mockImplementation((input, init) => {
      sent.push(String(input));
      init?.signal?.addEventListener("abort", () => void aborted.push(String(input)));
      return new Promise(() => undefined);
    });
    await begin(["a", "b"], { path: "/up", timeoutMs: 100 });
    expect(aborted.toSorted()).toEqual(["http://a.test/up", "http://b.test/up"]);
  });

  it("keeps a change that is told meanwhile for the next, which comes at once", async () => {
    const monitored = await begin(["a"]);
    let isTold = false;
    answers.set("a.test", async () => {
      while (!isTold) await scheduler.wait(1);
      return new Response("ok");
    });
    const running = monitored.round();
    await vi.waitUntil(() => sent.length === 2);
    await monitored.write(origins("a", "b"));
    await monitored.stub.watch();
    isTold = true;
    await running;
    expect(await monitored.round()).toBeLessThanOrEqual(10);
    await probe(monitored, 1);
    expect(sent.at(-1)).toBe("b.test/version");
  });
});

/** The alarm of the same object in an environment where this one answers nothing. */
async function alarmWithout({ stub }: Monitored, binding: "CONTROL" | "REGISTRY"): Promise<void> {
  vi.setSystemTime(Math.max(Date.now(), (await alarmAt(stub)) ?? 0));
  const broken = { getByName: () => ({ current: refuse, hearHealth: refuse }) };
  await runInDurableObject(stub, async (_, state) => {
    const monitor = new HealthMonitor(state, { ...env, [binding]: broken });
    await state.storage.deleteAlarm();
    await monitor.alarm();
  });
}

describe("while the control plane does not answer", () => {
  it("what it said last is probed on", async () => {
    const monitored = await begin(["a"]);
    await alarmWithout(monitored, "CONTROL");
    expect(sent).toHaveLength(2);
    expect(await alarmAt(monitored.stub)).toBeGreaterThan(Date.now());
  });

  it("what was never heard is asked for again a second later", async () => {
    const monitored = await create(["a"]);
    await monitored.stub.watch();
    await alarmWithout(monitored, "CONTROL");
    expect(await alarmAt(monitored.stub)).toBe(Date.now() + 1_000);
    await monitored.round();
    vi.setSystemTime(Date.now() + 1_000);
    await monitored.round();
    expect(sent).toEqual(["a.test/version"]);
  });
});

describe("while the registry does not answer", () => {
  it("a report that it did not hear is made again a second later, without another probe", async () => {
    const monitored = await begin(["a"], { path: "/up", retries: 1 });
    answers.set("a.test", refuse);
    await alarmWithout(monitored, "REGISTRY");
    expect((await monitored.registry.status()).unhealthy).toEqual([]);
    expect(await alarmAt(monitored.stub)).toBe(Date.now() + 1_000);
    const requests = sent.length;
    await evictDurableObject(monitored.stub);
    await monitored.round();
    expect(sent.length).toBe(requests);
    expect((await monitored.registry.status()).unhealthy).toEqual(["a"]);
  });
});

describe("a report", () => {
  it("that was overtaken by a newer one changes nothing when it comes after all", async () => {
    const { registry } = await begin(["a"]);
    const late = { facts: [{ instanceId: "a", state: "unhealthy", ms: null }], validMs: 60_000 } as const;
    await registry.hearHealth({ ...late, madeAtMs: Date.now() - 1 });
    expect((await registry.status()).unhealthy).toEqual([]);
    await registry.hearHealth({ ...late, madeAtMs: Date.now() });
    expect((await registry.status()).unhealthy).toEqual(["a"]);
  });
});

describe("an alarm that got lost", () => {
  const loseAlarm = async (stub: Monitored["stub"]) => {
    await runInDurableObject(stub, (_, { storage }) => storage.deleteAlarm());
    await evictDurableObject(stub);
  };

  it("is set again as soon as anything wakes the object", async () => {
    const monitored = await begin(["a"]);
    await loseAlarm(monitored.stub);
    await monitored.stub.transitions();
    expect(await alarmAt(monitored.stub)).toBe(Date.now() + 10);
    await probe(monitored, 1);
    expect(sent).toHaveLength(2);
  });

  it("is not, where the pool is not watched", async () => {
    const { stub } = await create(["a"], null);
    expect(await stub.transitions()).toEqual([]);
    await loseAlarm(stub);
    await stub.transitions();
    expect(await alarmAt(stub)).toBeNull();
  });
});

describe("a changed configuration", () => {
  it("that could not be written down is read again a second later", async () => {
    const { stub, round } = await create(["a"]);
    const change = (statement: string) =>
      runInDurableObject(stub, (_, { storage: { sql } }) => void sql.exec(statement));
    await change("CREATE TRIGGER full BEFORE UPDATE ON plan BEGIN SELECT RAISE(ABORT, 'disk full'); END");
    await stub.watch();
    await round();
    expect(await rowsOf(stub)).toEqual([1, 0, 0]);
    await change("DROP TRIGGER full");
    expect(await round()).toBe(1_000);
    vi.setSystemTime(Date.now() + 1_000);
    await round();
    expect(sent).toEqual(["a.test/version"]);
  });

  it("without health ends the probes, forgets all but what they found and takes the verdicts back, once and for all", async () => {
    const monitored = await begin(["a"], { path: "/up", retries: 1 });
    answers.set("a.test", refuse);
    await probe(monitored, 1);
    expect((await monitored.registry.status()).unhealthy).toEqual(["a"]);
    await store(monitored.pool, { health: null });
    for (let told = 0; told < 2; told++) {
      await monitored.stub.watch();
      await monitored.round();
      expect(await alarmAt(monitored.stub)).toBeNull();
      expect(await rowsOf(monitored.stub)).toEqual([0, 0, 2]);
    }
    expect(await monitored.transitions()).toEqual(["a healthy unhealthy", "a unknown healthy"]);
    expect((await monitored.registry.status()).unhealthy).toEqual([]);
    expect(sent).toHaveLength(2);
  });

  it("is noticed also where nobody told of it, by the first round that comes a minute after it was read", async () => {
    const monitored = await begin(["a"]);
    const readMs = Date.now() - 1_000;
    await store(monitored.pool, null);
    await monitored.round();
    expect(sent).toHaveLength(2);
    while ((await rowsOf(monitored.stub))[1] === 1) {
      expect(Date.now()).toBeLessThan(readMs + 60_000);
      await monitored.round();
    }
    expect(Date.now()).toBeLessThanOrEqual(readMs + 60_000 + 33_000);
    expect((await rowsOf(monitored.stub)).slice(0, 2)).toEqual([0, 0]);
  });

  it("that brings health back begins anew, and adds to what was found before", async () => {
    const monitored = await begin(["a"]);
    await store(monitored.pool, { health: null });
    await monitored.stub.watch();
    await monitored.round();
    await monitored.write(origins("a"));
    await monitored.stub.watch();
    await monitored.round();
    await probe(monitored, 1);
    expect(await monitored.transitions()).toEqual(["a unknown healthy", "a unknown healthy"]);
  });

  it("without an instance forgets it, and leaves the others as they are", async () => {
    const monitored = await begin(["a", "b"]);
    await monitored.write(origins("b"));
    await monitored.stub.watch();
    await monitored.round();
    expect((await monitored.registry.health()).probed.map(({ instanceId }) => instanceId)).toEqual(["b"]);
    expect((await rowsOf(monitored.stub))[1]).toBe(1);
    expect(sent).toHaveLength(2);
  });
});

it("the newest thousand transitions are kept, the newest first", async () => {
  const monitored = await begin(["a"], { path: "/up", retries: 1 });
  await runInDurableObject(monitored.stub, (_, { storage: { sql } }) => {
    sql.exec(`INSERT INTO transitions (id, instance_id, from_state, to_state, at, why)
      WITH RECURSIVE n(v) AS (SELECT 2 UNION ALL SELECT v + 1 FROM n WHERE v < 1000) SELECT v, 'x', 'healthy', 'unhealthy', v, '' FROM n`);
  });
  answers.set("a.test", refuse);
  await probe(monitored, 1);
  const transitions = await monitored.transitions();
  expect(transitions).toHaveLength(1_000);
  expect([transitions[0], transitions[1]]).toEqual(["a healthy unhealthy", "x healthy unhealthy"]);
});
