// Which decision a scale webhook hears of, and when again.

import { describe, expect, it } from "vitest";
import type { ScaleDecision, ScaleDelivery } from "../../../src/contracts/autoscale.ts";
import { afterAttempt, deliverable, dueAt, overtaken } from "../../../src/policies/autoscale/delivery.ts";

const signals = {
  inFlight: { stable: 0, panic: 0 },
  latencyMs: null,
  usualMs: null,
  errorShare: null,
  cpu: null,
  isPanic: false,
};
const decision = (id: string, delivery?: ScaleDelivery): ScaleDecision => ({
  ...{ id, atMs: 0, from: 1, to: 2, reason: "load", why: "", signals },
  ...(delivery && { delivery }),
});

describe("a decision", () => {
  it("is due until a call is answered, after 1, 2, 4 … 60 s, however often it fails", () => {
    let delivery = dueAt(1_000);
    const waits: number[] = [];
    for (let attempt = 0; attempt < 8; attempt++) {
      delivery = afterAttempt(delivery, "it answered 503", 10_000);
      waits.push(delivery.nextAtMs - 10_000);
    }
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
    expect(delivery).toMatchObject({ state: "due", attempts: 8, detail: "it answered 503" });
    expect(afterAttempt(delivery, undefined, 10_000)).toMatchObject({ state: "delivered", attempts: 9, detail: "" });
  });

  it("that a later one has overtaken goes out no more, not even when a call for it fails that was under way", () => {
    const decisions = [decision("new", dueAt(5)), decision("old", dueAt(0))];
    expect(deliverable(decisions)?.id).toBe("new");
    const [old] = overtaken(decisions);
    expect(old).toMatchObject({ id: "old", delivery: { state: "superseded" } });
    expect(afterAttempt(old?.delivery ?? dueAt(0), "late", 9)).toMatchObject({ state: "superseded" });
  });

  it("of a pool without a webhook, or delivered already, is not delivered", () => {
    expect(deliverable([])).toBeUndefined();
    expect(deliverable([decision("plain")])).toBeUndefined();
    expect(
      deliverable([decision("done", { ...dueAt(0), state: "delivered" }), decision("old", dueAt(0))]),
    ).toBeUndefined();
  });
});
