// What is kept of a stream, and how it is told as events.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ExecOutput } from "../../../src/contracts/exec.ts";
import { hasSeenEnd, toEvents } from "../../../src/policies/exec/exec-events.ts";
import { newExec, summaryOf } from "../../../src/policies/exec/exec-record.ts";
import { executorRetryMs, nextAlarmAtMs } from "../../../src/policies/exec/exec-timing.ts";
import { keepOutput } from "../../../src/policies/exec/keep-output.ts";
import { wholeCharacters } from "../../../src/policies/exec/whole-characters.ts";

describe("output", () => {
  it("is kept from its beginning up to the cap, in pieces that fit a row, however it comes", () => {
    const bytes = fc.uint8Array({ maxLength: 50 });
    fc.assert(
      fc.property(fc.array(bytes), fc.nat(120), (parts, cap) => {
        const kept: number[] = [];
        let isCut = false;
        for (const part of parts) {
          const piece = keepOutput(part, kept.length, cap);
          for (const one of piece.pieces) kept.push(...one);
          expect(piece.bytes).toBe(piece.pieces.reduce((sum, { length }) => sum + length, 0));
          isCut ||= piece.isCut;
        }
        const all = parts.flatMap((part) => [...part]);
        expect(kept).toEqual(all.slice(0, cap));
        expect(isCut).toBe(all.length > cap);
      }),
    );
  });

  it("of 3 MB goes into three rows", () => {
    const { pieces } = keepOutput(new Uint8Array(3_145_728), 0, 16_777_216);
    expect(pieces.map(({ length }) => length)).toEqual([1_048_576, 1_048_576, 1_048_576]);
  });
});

describe("what is cut between characters", () => {
  it("is all of the text that has come, and at most three bytes wait for the rest of theirs", () => {
    const encoder = new TextEncoder();
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.nat(60), (text, cut) => {
        const bytes = encoder.encode(text).subarray(0, cut);
        const length = wholeCharacters(bytes);
        expect(bytes.length - length).toBeLessThanOrEqual(3);
        expect(() =>
          new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes.subarray(0, length)),
        ).not.toThrow();
      }),
    );
  });

  it("stays as it is where it is no UTF-8", () => {
    for (const bytes of [[0x80, 0x80, 0x80, 0x80], [0xff, 0x41], [0xc3, 0xa9], []])
      expect(wholeCharacters(Uint8Array.from(bytes))).toBe(bytes.length);
    expect(wholeCharacters(Uint8Array.of(0x41, 0xe2, 0x82))).toBe(1);
  });
});

describe("events", () => {
  const exec = summaryOf(
    newExec(
      { userId: "u", execId: "e", digest: "d", order: { command: "x", env: {}, workingDir: ".", timeoutMs: 1 } },
      { runId: "r", nowMs: 0, outputBytesMax: 10, queueDeadlineMs: 1 },
    ),
  );
  const output = (more: Partial<ExecOutput> = {}): ExecOutput => ({
    ...{ exec, chunks: [], lastSeq: 0, more: false, capped: false },
    ...more,
  });
  const done = { ...exec, status: "succeeded" as const };

  it("carry their seq as id, and whatever the output holds on one line", () => {
    const chunks = [{ seq: 4, stream: "stderr" as const, text: "a\nb\r\n\nevent: end" }];
    const page = toEvents(output({ chunks, lastSeq: 4 }), 3);
    expect(page).toEqual({
      text: `event: stderr\nid: 4\ndata: {"text":"a\\nb\\r\\n\\nevent: end"}\n\n`,
      after: 4,
      isEnd: false,
    });
  });

  it("of a silent exec are a comment, and where it goes on stays", () => {
    expect(toEvents(output(), 7)).toEqual({ text: ": keep-alive\n\n", after: 7, isEnd: false });
  });

  it("end once, after the last output, with an id of their own", () => {
    const last = { seq: 2, stream: "stdout" as const, text: "x" };
    expect(toEvents(output({ exec: done, chunks: [last], lastSeq: 2, more: true }), 1)).toMatchObject({ isEnd: false });
    const page = toEvents(output({ exec: done, chunks: [last], lastSeq: 2 }), 1);
    expect(page).toMatchObject({ after: 3, isEnd: true });
    expect(page.text.match(/^id: .*$/gm)).toEqual(["id: 2", "id: 3"]);
    const seen = (after: number) => hasSeenEnd(output({ exec: done, lastSeq: 2 }), after);
    expect([seen(1), seen(2), seen(3)]).toEqual([false, false, true]);
    expect(hasSeenEnd(output({ lastSeq: 2 }), 3)).toBe(false);
  });
});

describe("time", () => {
  it("to the next try doubles up to a second, so that who is back is noticed well within five", () => {
    const longest = [1, 2, 3, 5, 6, 50].map((silences) => executorRetryMs(silences, 1));
    expect(longest).toEqual([50, 100, 200, 800, 1_000, 1_000]);
    expect(executorRetryMs(1, 0)).toBe(37.5);
  });

  it.each([
    ["at once while something is queued or running", { isActive: true, hasReleases: true, firstExpiryMs: 50 }, 101],
    ["at the first expiry", { isActive: false, hasReleases: false, firstExpiryMs: 500 }, 500],
    ["at once for what has expired", { isActive: false, hasReleases: false, firstExpiryMs: 50 }, 101],
    [
      "30 s later for what is only to be forgotten",
      { isActive: false, hasReleases: true, firstExpiryMs: 90_000 },
      30_100,
    ],
    ["or at an expiry before", { isActive: false, hasReleases: true, firstExpiryMs: 500 }, 500],
    ["never where nothing is left", { isActive: false, hasReleases: false, firstExpiryMs: undefined }, undefined],
  ])("of the next alarm is %s", (_, facts, atMs) => {
    expect(nextAlarmAtMs(facts, 100)).toBe(atMs);
  });
});
