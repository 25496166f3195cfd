// `npm start` in a checkout of its own, as a newcomer has it: no secrets yet, and the commands it prints pasted into a shell.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, readFileSync, statSync, symlinkSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findFreePorts, isAlive, makeScratchDir, type Plane, recordedPids, startPlane } from "./plane.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const CHECKED_OUT = ["src", "durable-objects", "migrations", "examples", "scripts", "package.json", "wrangler.jsonc"];
/** Neither secret comes from the environment. */
const BARE = { ADMIN_SECRET: undefined, SESSION_KEYS: undefined };

let checkout: string;
beforeEach(() => {
  checkout = makeScratchDir();
  for (const name of CHECKED_OUT) cpSync(path.join(ROOT, name), path.join(checkout, name), { recursive: true });
  symlinkSync(path.join(ROOT, "node_modules"), path.join(checkout, "node_modules"));
});

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
});

async function plane(): Promise<Plane> {
  const started = await startPlane({ root: checkout, env: BARE });
  ends.push(started.stop);
  return started;
}

const devVars = () => readFileSync(path.join(checkout, ".dev.vars"), "utf8");
const keptValue = (name: string) => new RegExp(`^${name}=(.+)$`, "m").exec(devVars())?.[1] ?? "";

/** The status a printed command gets when it is pasted into bash in the checkout. */
const statusOf = (command: string) =>
  execFileSync("bash", ["-c", `${command} -s -m 5 -o /dev/null -w '%{http_code}'`], {
    cwd: checkout,
    encoding: "utf8",
  });

describe("a first start", () => {
  it("makes the secrets for their owner's eyes, says where they are, and prints neither", async () => {
    const { stdout, stderr } = await plane();
    expect((statSync(path.join(checkout, ".dev.vars")).mode & 0o777).toString(8)).toBe("600");
    expect(stdout()).toContain(`ADMIN_SECRET in ${path.join(checkout, ".dev.vars")}`);
    for (const name of ["ADMIN_SECRET", "SESSION_KEYS"]) {
      expect(keptValue(name).length).toBeGreaterThan(40);
      expect(stdout() + stderr()).not.toContain(keptValue(name));
    }
  });

  it("prints three commands that work when pasted", async () => {
    const { stdout } = await plane();
    const commands = stdout().match(/(?<=^ +)curl .*$/gm) ?? [];
    expect(commands).toHaveLength(3);
    expect(commands.map(statusOf)).toEqual(["200", "200", "200"]);
  });

  it("at the same moment as another one agrees with it on the secrets", async () => {
    const planes = await Promise.all([plane(), plane()]);
    expect(devVars().match(/^(?:ADMIN_SECRET|SESSION_KEYS)=/gm)).toEqual(["ADMIN_SECRET=", "SESSION_KEYS="]);
    for (const { url } of planes) {
      const asAdmin = { headers: { "X-Admin-Secret": keptValue("ADMIN_SECRET") } };
      expect((await fetch(`${url()}/api/super/config`, asAdmin)).status).toBe(200);
      expect((await fetch(`${url()}/api/super/config`)).status).toBe(401);
    }
  });
});

describe("npm start", () => {
  it("that is told to end takes the plane with it", async () => {
    const port = await findFreePorts(2);
    const stateDir = path.join(checkout, ".signalbox/state");
    const env = { ...process.env, PORT: String(port), STATE_DIR: "" };
    const npm = spawn("npm", ["start", "--", "--isolates", "2"], {
      cwd: checkout,
      env,
      stdio: ["ignore", "pipe", "inherit"],
    });
    let said = "";
    npm.stdout.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    for (const deadline = Date.now() + 40_000; !said.includes(`\nsignalbox ready on http://127.0.0.1:${port}\n`); ) {
      expect(Date.now()).toBeLessThan(deadline);
      await delay(20);
    }
    const pids = recordedPids(stateDir);
    // The starter, the agent and workerd.
    expect(pids.map(isAlive)).toEqual([true, true, true]);
    npm.kill("SIGTERM");
    await once(npm, "exit");
    expect(pids.filter(isAlive)).toEqual([]);
  });
});
