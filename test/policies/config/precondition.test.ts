// If-Match and If-None-Match as clients write them: which of them name a version.

import { describe, expect, it } from "vitest";
import { namesVersion, versionTag } from "../../../src/policies/config/precondition.ts";

describe("a header of entity tags", () => {
  it.each(['"7"', 'W/"7"', "*", " * ", '"6", "7"', 'W/"6",W/"7"', '"a,b", "7"', ' "7" '])(
    "%s names version 7",
    (header) => {
      expect(namesVersion(header, 7)).toBe(true);
    },
  );

  it.each(['"6"', '"77"', '"07"', '" 7"', "7", "", '"', '7"', '"**"', '"*"', '"a,7"', "'7'"])(
    "%s does not",
    (header) => {
      expect(namesVersion(header, 7)).toBe(false);
    },
  );

  it("names the version whose tag it is, 0 included", () => {
    expect(namesVersion(versionTag(0), 0)).toBe(true);
    expect(namesVersion(versionTag(0), 1)).toBe(false);
  });
});
