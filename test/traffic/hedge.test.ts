// Which of two tries of a slow request the client is answered by, and what becomes of the other.

import { beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { captureLines } from "../captured-lines.ts";
import { configure, send } from "../http/send.ts";

const AFTER_MS = 30;
/** A share of 0.02 of so many is one second try. */
const EARNING = 50;

const lines = captureLines();
type Call = { readonly instance: string; readonly signal: AbortSignal | null };
let calls: Call[];
let script: ((call: Call) => Promise<Response> | Response)[];

beforeAll(async () => {
  const instances = ["a", "b"].map((id) => ({ id, url: `http://${id}.test` }));
  await configure({
    log: { sampleRate: 1 },
    pools: { two: { instances, retry: { attempts: 1 } } },
    routes: [{ id: "hedged", path: "/hedged/*", pool: "two", hedge: { afterMs: AFTER_MS } }],
  });
});
beforeEach(async () => {
  calls = [];
  script = [];
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const call = { instance: new URL(String(input)).hostname.slice(0, 1), signal: init?.signal ?? null };
    calls.push(call);
    return (await script.shift()?.(call)) ?? new Response("quick");
  });
  // Spends what earlier tests have left over, and earns one.
  for (let i = 0; i < EARNING; i++) await send("/hedged/x");
  calls.length = 0;
});

/** Resolves as told, or rejects when it is aborted, as the platform's does. */
const later =
  (ms: number, response: () => Response) =>
  ({ signal }: Call): Promise<Response> =>
    new Promise((resolve, reject) => {
      setTimeout(() => resolve(response()), ms);
      signal?.addEventListener("abort", () => reject(signal.reason));
    });
const LONG_MS = 60_000;
const never = later(LONG_MS, () => new Response("never"));
const status = (code: number) => () => new Response(`status ${code}`, { status: code });

type Line = { hedge?: string; instance: string; tries: number; failed?: string[] };
async function hedged(): Promise<{ text: string; status: number; line: Line }> {
  const from = lines.length;
  const answer = await send("/hedged/x");
  const line = lines.slice(from).find((one) => one.includes('"tries":'));
  if (line === undefined) throw new Error("no line");
  return { ...answer, line: JSON.parse(line) as Line };
}

describe("a request whose instance is slow", () => {
  it("is answered by the other one, and the first is broken off and has not failed", async () => {
    script = [never, () => new Response("second")];
    const { text, line } = await hedged();
    expect(text).toBe("second");
    expect(line).toMatchObject({ hedge: "won", tries: 2, instance: calls[1]?.instance });
    expect(line.failed).toBeUndefined();
    expect(calls[0]?.instance).not.toBe(calls[1]?.instance);
    expect(calls.map(({ signal }) => signal?.aborted)).toEqual([true, false]);
  });

  it("is answered by the first one after all where that is sooner, and the second is broken off", async () => {
    script = [later(4 * AFTER_MS, () => new Response("first")), never];
    const { text, line } = await hedged();
    expect(text).toBe("first");
    expect(line).toMatchObject({ hedge: "lost", tries: 2, instance: calls[0]?.instance });
    expect(calls.map(({ signal }) => signal?.aborted)).toEqual([false, true]);
  });

  it.each([500, 503])("does not take a %i from the other one while the first may still do better", async (code) => {
    script = [later(4 * AFTER_MS, () => new Response("first")), status(code)];
    const { text, line } = await hedged();
    expect([text, line.hedge, line.failed]).toEqual(["first", "lost", [calls[1]?.instance]]);
  });

  it("gets what the other says where the first breaks, and an answer rather than nothing where both fail", async () => {
    const broken = () =>
      new Promise<Response>((_, reject) => setTimeout(() => reject(new Error("connection lost")), 3 * AFTER_MS));
    script = [broken, status(502)];
    const { status: code, line } = await hedged();
    expect([code, line.hedge]).toEqual([502, "won"]);
    expect(line.failed).toEqual([calls[0]?.instance]);
  });
});

describe("a request that is answered in time", () => {
  it("is sent once", async () => {
    await hedged();
    expect(calls).toHaveLength(1);
  });
});

describe("slow requests", () => {
  it("get no second try once the share is used up", async () => {
    const slow = later(4 * AFTER_MS, () => new Response("slow"));
    script = Array.from({ length: 40 }, () => slow);
    for (let i = 0; i < 20; i++) await send("/hedged/x");
    // Ten may be saved up at most.
    expect(calls.length - 20).toBeLessThanOrEqual(10);
    calls.length = 0;
    script = [slow];
    await send("/hedged/x");
    expect(calls).toHaveLength(1);
  });
});
