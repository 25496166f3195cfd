// How much may lie in wait for a side that says nothing.

import { describe, expect, it } from "vitest";
import { addUnheard, UNHEARD_BYTES_MAX } from "../../../src/policies/streams/unheard.ts";

/** The largest frame the platform takes in. */
const FRAME_BYTES_MAX = 32 * 1_024 * 1_024;

describe("what lies in wait", () => {
  it("may be a frame of the largest size, but not three of them", () => {
    const one = addUnheard(0, FRAME_BYTES_MAX);
    expect(one).toBeGreaterThanOrEqual(FRAME_BYTES_MAX);
    const two = addUnheard(one ?? 0, FRAME_BYTES_MAX - 1_024);
    expect(two).toBeGreaterThanOrEqual(2 * FRAME_BYTES_MAX - 1_024);
    expect(addUnheard(two ?? 0, FRAME_BYTES_MAX)).toBeUndefined();
  });

  it("grows by empty frames too, and never beyond the bound", () => {
    let most = 0;
    let frames = 0;
    for (let unheard: number | undefined = 0; unheard !== undefined; frames++) {
      most = Math.max(most, unheard);
      unheard = addUnheard(unheard, 0);
    }
    expect(most).toBeLessThanOrEqual(UNHEARD_BYTES_MAX);
    expect(frames).toBeGreaterThan(100_000);
    expect(frames).toBeLessThan(2_000_000);
  });
});
