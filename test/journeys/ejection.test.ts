// An instance on which requests keep failing, through four isolates of a real plane: out for all of them at once, also for those which
// never saw it fail; and one that fails now and then is not.

import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import type { RegistryStatus } from "../../src/contracts/registry.ts";
import { type Origin, startOrigin } from "./origin.ts";
import { ADMIN_SECRET, type Plane, startPlane } from "./plane.ts";

const ISOLATES = [0, 1, 2, 3];
/** From the moment the registry has put it out. */
const KNOWN_EVERYWHERE_MS = 1_000;
const EJECTED_WITHIN_MS = 15_000;

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
});

type Bad = { readonly id: "bad"; readonly url: string; readonly hits: () => number };

/** An instance that answers as told; `hit` counts from 1. */
async function startBad(answer: (hit: number, ...exchange: Parameters<RequestListener>) => void): Promise<Bad> {
  let hits = 0;
  const server = createServer((request, response) => answer(++hits, request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { id: "bad", url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, hits: () => hits };
}

const broken = () =>
  startBad((hit, _, response) =>
    response.writeHead(500, { "Content-Type": "text/x-broken", "X-Broken": String(hit) }).end("it broke"),
  );

type Setup = { readonly strategy?: string; readonly tryTimeoutMs?: number };

/** Four isolates before three sound instances and the bad one. */
async function start(bad: { id: string; url: string }, { strategy = "round-robin", tryTimeoutMs }: Setup = {}) {
  const sound = await Promise.all(["a", "b", "c"].map((id) => startOrigin(id)));
  ends.push(...sound.map(({ kill }) => kill));
  const instances = [bad, ...sound].map(({ id, url }) => ({ id, url }));
  const plane = await startPlane({
    isolates: ISOLATES.length,
    config: {
      log: { sampleRate: 0 },
      pools: { all: { strategy, instances } },
      routes: [{ id: "all", pool: "all", ...(tryTimeoutMs !== undefined && { tryTimeoutMs }) }],
    },
  });
  ends.push(plane.stop);
  return { plane, sound };
}

async function ask<T>(plane: Plane, path: string): Promise<T> {
  const response = await fetch(`${plane.url()}${path}`, { headers: { "X-Admin-Secret": ADMIN_SECRET } });
  expect(response.status).toBe(200);
  return (await response.json()) as T;
}

const ejectedIn = async (plane: Plane): Promise<string[]> => {
  const { pools } = await ask<{ pools: RegistryStatus[] }>(plane, "/balancer/status");
  return pools.flatMap(({ ejected }) => ejected.map(({ instanceId }) => instanceId));
};

type Answer = { readonly status: number; readonly headers: Headers; readonly text: string };
async function get(plane: Plane, isolate: number): Promise<Answer> {
  const response = await fetch(`${plane.url(isolate)}/x`);
  return { status: response.status, headers: response.headers, text: await response.text() };
}

/** Sends through these isolates, four at a time through each, until the instance is out; every answer. */
async function sendUntilOut(plane: Plane, isolates: readonly number[]): Promise<Answer[]> {
  const deadline = Date.now() + EJECTED_WITHIN_MS;
  const answers: Answer[] = [];
  while (!(await ejectedIn(plane)).includes("bad")) {
    if (Date.now() > deadline) throw new Error("the bad instance is still in");
    const lanes = isolates.flatMap((isolate) => Array.from({ length: 4 }, () => get(plane, isolate)));
    answers.push(...(await Promise.all(lanes)));
  }
  return answers;
}

/** Until every isolate must know: requests go on through these, and are not counted. */
async function letAllKnow(plane: Plane, isolates: readonly number[] = ISOLATES): Promise<void> {
  const [latest] = (await historyIn(plane)).transitions;
  const until = (latest === undefined ? Date.now() : Date.parse(latest.at)) + KNOWN_EVERYWHERE_MS;
  while (Date.now() < until) {
    await Promise.all([...isolates.map((isolate) => get(plane, isolate)), ejectedIn(plane)]);
  }
}

/** Sends `each` requests through every isolate: all are answered by sound instances. */
async function expectSound(plane: Plane, each: number): Promise<void> {
  for (let sent = 0; sent < each; sent++) {
    const answers = await Promise.all(ISOLATES.map((isolate) => get(plane, isolate)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  }
}

type History = {
  pool: string;
  transitions: { at: string; instance: string; state: string; times: number; until: string }[];
};
const historyIn = (plane: Plane) => ask<History>(plane, "/api/super/health/all/history");

describe("an instance that answers 500 to everything", () => {
  it.each(["round-robin", "least-connections"])(
    "is out for all isolates within a second (%s), those which never served before included; until then its answers go to the clients as they are",
    async (strategy) => {
      const bad = await broken();
      const { plane } = await start(bad, { strategy });
      const answers = await sendUntilOut(plane, [0]);
      const passed = answers.filter(({ status }) => status !== 200);
      expect(passed.length).toBeGreaterThanOrEqual(5);
      expect(passed.length).toBe(bad.hits());
      for (const { status, headers, text } of passed) {
        expect([status, headers.get("Content-Type"), text]).toEqual([500, "text/x-broken", "it broke"]);
      }
      const numbers = passed.map(({ headers }) => Number(headers.get("X-Broken"))).toSorted((a, b) => a - b);
      expect(numbers).toEqual(passed.map((_, i) => i + 1));
      await letAllKnow(plane, [0]);
      const hits = bad.hits();
      await expectSound(plane, 50);
      expect(bad.hits()).toBe(hits);
    },
  );

  it("is out a second later also for isolates that hold positions from before it broke and were idle since", async () => {
    let isBroken = false;
    const bad = await startBad((_, __, response) => response.writeHead(isBroken ? 500 : 200).end());
    const { plane } = await start(bad);
    const others = ISOLATES.slice(1);
    const warming = others.flatMap((isolate) => Array.from({ length: 8 }, () => isolate));
    for (let sent = 0; sent < 15; sent++) await Promise.all(warming.map((isolate) => get(plane, isolate)));
    isBroken = true;
    await sendUntilOut(plane, [0]);
    await letAllKnow(plane, []);
    const hits = bad.hits();
    await expectSound(plane, 10);
    expect(bad.hits()).toBe(hits);
  });

  it("is told to operators as ejected, alone, and in the pool's history; a pool that is not is 404", async () => {
    const bad = await broken();
    const { plane } = await start(bad);
    expect(await historyIn(plane)).toEqual({ pool: "all", transitions: [] });
    await sendUntilOut(plane, [0, 1]);
    const { pools } = await ask<{ pools: { instances: { id: string; status: string }[] }[] }>(plane, "/admin/workers");
    expect(pools[0]?.instances.map(({ id, status }) => [id, status])).toEqual([
      ["bad", "ejected"],
      ["a", "registered"],
      ["b", "registered"],
      ["c", "registered"],
    ]);
    const { transitions } = await historyIn(plane);
    expect(transitions).toMatchObject([{ instance: "bad", state: "ejected", times: 1 }]);
    const [{ at, until } = { at: "", until: "" }] = transitions;
    expect(Date.parse(until) - Date.parse(at)).toBe(30_000);
    const unknown = await fetch(`${plane.url(2)}/api/super/health/nowhere/history`, {
      headers: { "X-Admin-Secret": ADMIN_SECRET },
    });
    expect([unknown.status, await unknown.json()]).toMatchObject([404, { code: "unknown_pool" }]);
  });
});

describe("an instance that answers 500 to every third request", () => {
  it("is not ejected, and goes on being served", async () => {
    const bad = await startBad((hit, _, response) => response.writeHead(hit % 3 === 0 ? 500 : 200).end());
    const { plane } = await start(bad);
    const lanes = ISOLATES.flatMap((isolate) =>
      Array.from({ length: 2 }, async () => {
        for (let sent = 0; sent < 75; sent++) await get(plane, isolate);
      }),
    );
    await Promise.all(lanes);
    const hits = bad.hits();
    expect(hits).toBeGreaterThan(100);
    await letAllKnow(plane);
    expect(bad.hits()).toBeGreaterThan(hits);
    expect(await ejectedIn(plane)).toEqual([]);
    expect((await historyIn(plane)).transitions).toEqual([]);
  });
});

describe("an instance that does not answer", () => {
  it("because it hangs is out for all isolates, and no client of an idempotent request sees an error", async () => {
    const bad = await startBad(() => undefined);
    const { plane } = await start(bad, { tryTimeoutMs: 200 });
    const answers = await sendUntilOut(plane, ISOLATES);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(bad.hits()).toBeGreaterThanOrEqual(5);
    await letAllKnow(plane);
    const hits = bad.hits();
    await expectSound(plane, 25);
    expect(bad.hits()).toBe(hits);
  });

  it("because it refuses connections likewise, and sound ones are not put out with it", async () => {
    const gone = await startOrigin("bad");
    await gone.kill();
    const { plane, sound } = await start(gone);
    const answers = await sendUntilOut(plane, ISOLATES);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    await letAllKnow(plane);
    await gone.revive();
    ends.push(gone.kill);
    await expectSound(plane, 25);
    expect(gone.hits()).toBe(0);
    expect(await ejectedIn(plane)).toEqual(["bad"]);
    expect(sound.every((origin: Origin) => origin.hits() > 0)).toBe(true);
  });
});
