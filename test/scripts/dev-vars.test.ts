// Secrets on this machine: where they come from, that they are made once, and that starts at the same moment agree.

import { execFile } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { adminSecretName, readDevVars, readSecrets } from "../../scripts/start/dev-vars.ts";
import { describeSecret } from "../../scripts/start/prepare-plane.ts";

const MODULE = path.resolve(import.meta.dirname, "../../scripts/start/dev-vars.ts");
const KEY = /^[A-Za-z0-9_-]{43}$/;

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "signalbox-dev-vars-"));
  file = path.join(folder, ".dev.vars");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

describe("secrets", () => {
  it("are made once, for their owner's eyes, and found again", () => {
    const made = readSecrets(file, {});
    expect(made.get("ADMIN_SECRET")).toMatch(KEY);
    expect(made.get("SESSION_KEYS")?.split(":")).toEqual(["k1", expect.stringMatching(KEY)]);
    expect(modeOf(file)).toBe("600");
    expect(readSecrets(file, {})).toEqual(made);
  });

  it("of the environment go before the file's, and leave it unwritten where they suffice", () => {
    const environment = { ADMIN_SECRET: "mine", SESSION_KEYS: "k9:mine" };
    expect(Object.fromEntries(readSecrets(file, environment))).toEqual(environment);
    expect(existsSync(file)).toBe(false);
    writeFileSync(file, "ADMIN_SECRET=kept\nSESSION_KEYS=k1:kept\n");
    expect(readSecrets(file, { ADMIN_SECRET: "mine" })).toEqual(
      new Map([
        ["ADMIN_SECRET", "mine"],
        ["SESSION_KEYS", "k1:kept"],
      ]),
    );
  });

  it("that are set but empty are used as they are, in the environment and in the file", () => {
    expect(readSecrets(file, { ADMIN_SECRET: "", SESSION_KEYS: "" }).get("ADMIN_SECRET")).toBe("");
    writeFileSync(file, "ADMIN_SECRET=\nSESSION_KEYS=k1:kept\n");
    expect(readSecrets(file, {}).get("ADMIN_SECRET")).toBe("");
    expect(readFileSync(file, "utf8")).toBe("ADMIN_SECRET=\nSESSION_KEYS=k1:kept\n");
  });

  it("that a file lacks are added to it, and its mode and its other lines stay", () => {
    writeFileSync(file, "# mine\nADMIN_SECRET=kept");
    chmodSync(file, 0o640);
    const secrets = readSecrets(file, {});
    expect(secrets.get("ADMIN_SECRET")).toBe("kept");
    expect(readFileSync(file, "utf8")).toBe(`# mine\nADMIN_SECRET=kept\nSESSION_KEYS=${secrets.get("SESSION_KEYS")}\n`);
    expect(modeOf(file)).toBe("640");
  });

  it("include every API key and nothing else of either source", () => {
    writeFileSync(file, "BACKEND_API_KEY='from the file'\nDEV_MODE=true\n");
    const environment = {
      ADMIN_SECRET: "a",
      SESSION_KEYS: "k1:b",
      ORCHESTRATOR_API_KEY: "c",
      HOME: "/root",
      _API_KEY: "d",
    };
    expect(Object.fromEntries(readSecrets(file, environment))).toEqual({
      ADMIN_SECRET: "a",
      BACKEND_API_KEY: "from the file",
      ORCHESTRATOR_API_KEY: "c",
      SESSION_KEYS: "k1:b",
    });
    expect(readDevVars(file)).toHaveProperty("DEV_MODE", "true");
  });

  it("are the same for starts that make them at the same moment", async () => {
    const code = `import { readSecrets } from ${JSON.stringify(MODULE)};
      console.log(JSON.stringify([...readSecrets(${JSON.stringify(file)}, {})]));`;
    const run = () => promisify(execFile)(process.execPath, ["--input-type=module", "--eval", code]);
    const outputs = await Promise.all(Array.from({ length: 6 }, run));
    expect(new Set(outputs.map(({ stdout }) => stdout)).size).toBe(1);
    expect(Object.keys(readDevVars(file))).toEqual(["ADMIN_SECRET", "SESSION_KEYS"]);
  });

  it("leave ADMIN_SECRET unmade where its alias is set, in the environment or in the file", () => {
    const alias = { ORCHESTRATOR_API_KEY: "mine" };
    expect([...readSecrets(file, alias).keys()]).toEqual(["ORCHESTRATOR_API_KEY", "SESSION_KEYS"]);
    expect(Object.keys(readDevVars(file))).toEqual(["SESSION_KEYS"]);
    writeFileSync(file, "ORCHESTRATOR_API_KEY=kept\n");
    expect([...readSecrets(file, {}).keys()]).toEqual(["ORCHESTRATOR_API_KEY", "SESSION_KEYS"]);
  });

  it("make ADMIN_SECRET where its alias is empty; the environment's empty one goes before the file's", () => {
    expect(readSecrets(file, { ORCHESTRATOR_API_KEY: "" }).get("ADMIN_SECRET")).toMatch(KEY);
    writeFileSync(file, "ORCHESTRATOR_API_KEY=kept\n");
    expect(readSecrets(file, { ORCHESTRATOR_API_KEY: "" }).get("ADMIN_SECRET")).toMatch(KEY);
  });

  it.each([
    [{}, "ADMIN_SECRET"],
    [{ ORCHESTRATOR_API_KEY: "b" }, "ORCHESTRATOR_API_KEY"],
    [{ ORCHESTRATOR_API_KEY: "" }, "ADMIN_SECRET"],
    [{ ADMIN_SECRET: "a", ORCHESTRATOR_API_KEY: "b" }, "ADMIN_SECRET"],
    [{ ADMIN_SECRET: "", ORCHESTRATOR_API_KEY: "b" }, "ADMIN_SECRET"],
  ])("of %j name the operator's as %s", (variables, name) => {
    expect(adminSecretName(variables)).toBe(name);
  });

  it("are announced by the name and place they have", () => {
    const alias = { ORCHESTRATOR_API_KEY: "mine" };
    expect(describeSecret(alias, file)).toEqual({
      place: "the environment variable ORCHESTRATOR_API_KEY",
      command: "$ORCHESTRATOR_API_KEY",
    });
    writeFileSync(file, "ORCHESTRATOR_API_KEY=kept\n");
    expect(describeSecret({}, file)).toEqual({
      place: `ORCHESTRATOR_API_KEY in ${file}`,
      command: "$(sed -n 's/^ORCHESTRATOR_API_KEY=//p' .dev.vars)",
    });
    writeFileSync(file, "ORCHESTRATOR_API_KEY=kept\nADMIN_SECRET=a\n");
    expect(describeSecret(alias, file).place).toBe(`ADMIN_SECRET in ${file}`);
  });

  it("that can't be kept are refused with the file's name", () => {
    writeFileSync(path.join(folder, "file"), "");
    const unwritable = path.join(folder, "file", ".dev.vars");
    expect(() => readSecrets(unwritable, {})).toThrow(unwritable);
  });
});
