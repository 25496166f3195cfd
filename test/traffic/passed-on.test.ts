// What the access log says of an answer that was held back, and passed on because no later try did better.

import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { captureLines } from "../captured-lines.ts";
import { configure, send } from "../http/send.ts";

type Line = { readonly instance: string; readonly lease: string; readonly leaseAgeMs: number; readonly tries: number };

const lines = captureLines();
/** What the instances do, in the order they are asked. */
let script: (() => Response)[];

beforeAll(async () => {
  const pool = { instances: ["a", "b"].map((id) => ({ id, url: `http://${id}.test` })) };
  await configure({ pools: { held: pool }, routes: [{ id: "held", path: "/held/*", pool: "held" }] });
});
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
  vi.spyOn(globalThis, "fetch").mockImplementation(async () => script.shift()?.() ?? new Response("ok"));
});
afterEach(() => {
  vi.useRealTimers();
});

/** So late that the registry is asked again before the next instance is chosen. */
const unavailable = (): Response => {
  vi.setSystemTime(Date.now() + 5_000);
  return new Response("later", { status: 503 });
};
const broken = (): Response => {
  throw new Error("Network connection lost.");
};

async function logged(): Promise<Line> {
  await send("/held/x");
  const line = lines.find((one) => one.includes('"tries":'));
  if (line === undefined) throw new Error("no line");
  return JSON.parse(line) as Line;
}

describe("an access line", () => {
  it("names the instance that gave the answer, and the decision that led to it", async () => {
    script = [unavailable, broken];
    const { instance, lease, leaseAgeMs, tries } = await logged();
    const [asked] = vi.mocked(fetch).mock.calls;
    expect(String(asked?.[0])).toContain(`${instance}.test`);
    expect([lease, leaseAgeMs < 5_000, tries]).toEqual(["range", true, 2]);
  });

  it("names the later one where that is what the client got", async () => {
    script = [unavailable, () => new Response("no", { status: 500 })];
    const { instance, tries } = await logged();
    const [, asked] = vi.mocked(fetch).mock.calls;
    expect(String(asked?.[0])).toContain(`${instance}.test`);
    expect(tries).toBe(2);
  });
});
