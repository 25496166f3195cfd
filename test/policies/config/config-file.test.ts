// CONFIG_FILE as text, and when the file of a start is due: a restart never reverts what was changed since.

import { describe, expect, it } from "vitest";
import { isFileDue, readConfigFile } from "../../../src/policies/config/config-file.ts";

describe("CONFIG_FILE", () => {
  it.each(["", "  \n"])("%j is no file", (text) => {
    expect(readConfigFile(text)).toEqual({ ok: true, value: undefined });
  });

  it("holds a digest and any document", () => {
    expect(readConfigFile('{"digest":"d","document":[1]}')).toEqual({
      ok: true,
      value: { digest: "d", document: [1] },
    });
  });

  it.each([
    ["{", "malformed_json"],
    ["[]", "invalid_body"],
    ['{"document":{}}', "invalid_body"],
    ['{"digest":"","document":{}}', "invalid_body"],
    ['{"digest":"d","document":{},"more":1}', "invalid_body"],
  ])("%s is refused", (text, code) => {
    expect(readConfigFile(text)).toMatchObject({ ok: false, code });
  });
});

describe("a file", () => {
  const file = { digest: "new", document: {} };

  it("is due until it is the one applied last", () => {
    expect(isFileDue(file, { version: 0, fileDigest: null })).toBe(true);
    expect(isFileDue(file, { version: 9, fileDigest: "old" })).toBe(true);
    expect(isFileDue(file, { version: 9, fileDigest: "new" })).toBe(false);
  });

  it("that is a default is due only while nothing was ever configured", () => {
    const initial = { ...file, initial: true };
    expect(isFileDue(initial, { version: 0, fileDigest: null })).toBe(true);
    expect(isFileDue(initial, { version: 1, fileDigest: null })).toBe(false);
    expect(isFileDue(initial, { version: 1, fileDigest: "old" })).toBe(false);
  });
});
