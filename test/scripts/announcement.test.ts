// What a start prints, and that its commands do what they say in a real shell.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { announcement, commandFor } from "../../scripts/start/announcement.ts";

const announced = {
  ports: [9000, 9001],
  stateDir: "/state",
  secret: { place: "ADMIN_SECRET in /checkout/.dev.vars", command: "$(cat secret)" },
  app: { host: "console.sonr.id", path: "/dashboard" },
};
const commands = (lines: readonly string[]) =>
  lines.map((line) => line.trim()).filter((line) => line.startsWith("curl"));

describe("what a start prints", () => {
  it("ends with the line that programs wait for", () => {
    expect(announcement(announced).at(-1)).toBe("signalbox ready on http://127.0.0.1:9000");
  });

  it("says where the secret is kept and offers three commands", () => {
    const lines = announcement(announced);
    expect(lines.join("\n")).toContain("ADMIN_SECRET in /checkout/.dev.vars");
    expect(commands(lines)).toEqual([
      "curl http://127.0.0.1:9000/health",
      "curl -H 'Host: console.sonr.id' http://127.0.0.1:9000/dashboard",
      'curl -H "X-Admin-Secret: $(cat secret)" http://127.0.0.1:9000/api/super/config',
    ]);
  });

  it("offers no app that may not be configured", () => {
    expect(commands(announcement({ ...announced, app: undefined }))[1]).toBe("curl http://127.0.0.1:9000/version");
  });
});

describe("the command that reads the secret back", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "signalbox-announcement-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it.each([
    ["as it is made", "ADMIN_SECRET=abc-DEF_1\nSESSION_KEYS=k1:x\n", "abc-DEF_1"],
    ["in quotes", 'ADMIN_SECRET="two words"\n', "two words"],
    ["with a comment behind it", "ADMIN_SECRET=abc # mine\n", "abc"],
    ["twice", "ADMIN_SECRET=first\nADMIN_SECRET=second\n", "second"],
    ["with spaces around", "  ADMIN_SECRET = abc  \n", "abc"],
  ])("prints it when it stands there %s", (_, text, value) => {
    writeFileSync(path.join(folder, ".dev.vars"), text);
    const script = `printf %s "${commandFor("ADMIN_SECRET", value, text)}"`;
    expect(execFileSync("bash", ["-c", script], { cwd: folder, encoding: "utf8" })).toBe(value);
  });
});
