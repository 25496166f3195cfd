// What is taken for a keep-alive, and what only looks like one.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isJsonPing, JSON_PONG } from "../../../src/policies/streams/json-ping.ts";

describe("a keep-alive", () => {
  it.each([
    '{"type":"ping"}',
    ' { "type" : "ping" } ',
    '\r\n{\t"type":\n"ping"\n}\n',
    '{"t\\u0079pe":"\\u0070ing"}',
    `{"type":"ping"}${" ".repeat(49)}`,
  ])("may be spelled as JSON allows: %j", (text) => {
    expect(isJsonPing(text)).toBe(true);
  });

  it.each([
    "",
    "ping",
    '"ping"',
    "{}",
    "null",
    '["type","ping"]',
    '[{"type":"ping"}]',
    "{'type':'ping'}",
    '{"type":"pong"}',
    '{"type":"PING"}',
    '{"Type":"ping"}',
    '{"type":["ping"]}',
    '{"type":{"type":"ping"}}',
    '{"type":"ping","id":1}',
    '{"id":"1","type":"ping"}',
    '{"type":"ping"},',
    '{"type":"ping"',
    '{"type":"ping"}{"type":"ping"}',
    '\u00a0{"type":"ping"}',
    '{"type":"pi\\"ng"}',
    `{"type":"ping"}${" ".repeat(50)}`,
    JSON_PONG,
  ])("is nothing else: %j", (text) => {
    expect(isJsonPing(text)).toBe(false);
  });

  it("is what says {type: ping} when parsed, wherever it is short", () => {
    const part = fc.constantFrom('"type"', '"ping"', '"pong"', "{", "}", ":", ",", " ", "1", "null", "\n", "x");
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
        const text = parts.join("");
        expect(isJsonPing(text)).toBe(saysPing(text));
      }),
      {
        numRuns: 5_000,
        examples: [[["{", '"type"', ":", '"ping"', "}"]], [[" ", "{", '"type"', ":", '"ping"', "\n", "}"]]],
      },
    );
  });
});

function saysPing(text: string): boolean {
  try {
    return JSON.stringify(JSON.parse(text)) === '{"type":"ping"}';
  } catch {
    return false;
  }
}
