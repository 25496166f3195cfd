// Who starts the probes: the ControlPlane object tells the monitors of pools that have health, or had it, of every version.

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ControlPlane } from "../../durable-objects/control-plane/control-plane-object.ts";

/** Ahead of the real clock, so that no alarm fires by itself. */
const START_MS = Date.UTC(2040, 0, 1);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: START_MS });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

let count = 0;
const controlPlane = () => env.CONTROL.getByName(`telling-${++count}`);
type Stub = ReturnType<typeof controlPlane>;
/** Of this case alone. */
const poolName = (name: string) => `${name}-${count}`;

const pool = (health?: object) => ({ instances: [{ id: "a", binding: "AUTH_APP" }], ...(health && { health }) });
const documentOf = (pools: { readonly [name: string]: object }) => ({
  pools: Object.fromEntries(Object.entries(pools).map(([name, value]) => [poolName(name), value])),
});
const replace = async (stub: Stub, pools: { readonly [name: string]: object }) =>
  expect(
    await stub.replace({ commandId: crypto.randomUUID(), actor: "admin", document: documentOf(pools) }),
  ).toMatchObject({ ok: true });
const alarmAt = (stub: DurableObjectStub<undefined>) =>
  runInDurableObject(stub, (_, { storage }) => storage.getAlarm());

/** Whether the pool's monitor was told since it was last asked. */
async function wasTold(name: string): Promise<boolean> {
  const monitor = env.HEALTH.getByName(`1:${poolName(name)}`);
  const told = (await alarmAt(monitor)) !== null;
  await runInDurableObject(monitor, (_, { storage }) => storage.deleteAlarm());
  return told;
}
async function toldOf(...names: readonly string[]): Promise<string[]> {
  const told: string[] = [];
  for (const name of names) if (await wasTold(name)) told.push(name);
  return told;
}

describe("a stored version", () => {
  it("is told to the monitors of pools with health, and to nobody else", async () => {
    const stub = controlPlane();
    await replace(stub, { a: pool({}), b: pool(), c: pool({ retries: 1 }) });
    expect(await runDurableObjectAlarm(stub)).toBe(true);
    expect(await toldOf("a", "b", "c")).toEqual(["a", "c"]);
  });

  it("is told once", async () => {
    const stub = controlPlane();
    await replace(stub, { a: pool({}) });
    await runDurableObjectAlarm(stub);
    expect(await alarmAt(stub)).toBeNull();
    expect(await toldOf("a")).toEqual(["a"]);
    await evictDurableObject(stub);
    await stub.current(null);
    expect(await alarmAt(stub)).toBeNull();
    expect(await toldOf("a")).toEqual([]);
  });

  it("that takes health or the pool away is told once more, and no later one is", async () => {
    const stub = controlPlane();
    await replace(stub, { a: pool({}), b: pool({}) });
    await runDurableObjectAlarm(stub);
    await toldOf("a", "b");
    await replace(stub, { a: pool() });
    await runDurableObjectAlarm(stub);
    expect(await toldOf("a", "b")).toEqual(["a", "b"]);
    await replace(stub, { c: pool() });
    expect(await runDurableObjectAlarm(stub)).toBe(false);
    expect(await toldOf("a", "b", "c")).toEqual([]);
  });

  it("without health anywhere sets no alarm", async () => {
    const stub = controlPlane();
    await replace(stub, { a: pool() });
    expect(await alarmAt(stub)).toBeNull();
  });

  it("is told also where it came by a rollback", async () => {
    const stub = controlPlane();
    await replace(stub, { a: pool({}) });
    await replace(stub, { a: pool() });
    await runDurableObjectAlarm(stub);
    await toldOf("a");
    await stub.rollback({ commandId: "back", actor: "admin", version: 1 });
    await runDurableObjectAlarm(stub);
    expect(await toldOf("a")).toEqual(["a"]);
  });

  it("is told also where it came from a file, in a start that is over before anybody was told", async () => {
    const stub = controlPlane();
    const file = JSON.stringify({ digest: "d1", document: documentOf({ a: pool({}) }) });
    await runInDurableObject(stub, (_, state) => void new ControlPlane(state, { ...env, CONFIG_FILE: file }));
    await evictDurableObject(stub);
    expect(await runDurableObjectAlarm(stub)).toBe(true);
    expect(await toldOf("a")).toEqual(["a"]);
  });

  it("with many pools is told in batches, all of them", async () => {
    const stub = controlPlane();
    const names = Array.from({ length: 25 }, (_, i) => `p${i}`);
    await replace(stub, Object.fromEntries(names.map((name) => [name, pool({})])));
    let batches = 0;
    while (await runDurableObjectAlarm(stub)) {
      batches++;
      vi.setSystemTime(Date.now() + 10);
    }
    expect(batches).toBe(3);
    expect(await toldOf(...names)).toEqual(names);
  });
});

describe("a monitor that does not answer", () => {
  it("is told again ever more rarely until it does, and holds up nobody else", async () => {
    vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const stub = controlPlane();
    await replace(stub, { a: pool({}), b: pool({}) });
    const unreachable = `1:${poolName("a")}`;
    const HEALTH = {
      getByName: (name: string) => {
        if (name === unreachable) throw new Error("no answer");
        return env.HEALTH.getByName(name);
      },
    };
    const waits: number[] = [];
    for (let times = 0; times < 3; times++) {
      await runInDurableObject(stub, async (_, state) => {
        vi.setSystemTime((await state.storage.getAlarm()) ?? 0);
        await state.storage.deleteAlarm();
        await new ControlPlane(state, { ...env, HEALTH } as unknown as Env).alarm();
      });
      waits.push(((await alarmAt(stub)) ?? 0) - Date.now());
    }
    expect(waits).toEqual([1_000, 2_000, 4_000]);
    expect(await toldOf("a", "b")).toEqual(["b"]);
    vi.setSystemTime(Date.now() + 4_000);
    await runDurableObjectAlarm(stub);
    expect(await toldOf("a", "b")).toEqual(["a"]);
    expect(await alarmAt(stub)).toBeNull();
  });
});

it("a plane that had such pools before it knew of monitors tells them when it starts", async () => {
  const stub = controlPlane();
  await replace(stub, { a: pool({}), b: pool() });
  await runDurableObjectAlarm(stub);
  await toldOf("a", "b");
  await runInDurableObject(stub, (_, { storage: { sql } }) => {
    sql.exec("DROP TABLE monitored_pools; DELETE FROM _migrations WHERE number = 2");
  });
  await evictDurableObject(stub);
  await stub.current(null);
  expect(await runDurableObjectAlarm(stub)).toBe(true);
  expect(await toldOf("a", "b")).toEqual(["a"]);
});
