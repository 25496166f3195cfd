// `npm start` as a person or a tool sees it: what it serves, what it prints, what it refuses.

import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { ADMIN_SECRET, findFreePorts, makeScratchDir, SESSION_KEYS, spawnStarter, startPlane } from "./plane.ts";

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
});

/** Started for one test and stopped after it. */
async function plane(options: Parameters<typeof startPlane>[0] = {}) {
  const started = await startPlane(options);
  stops.push(started.stop);
  return started;
}

/** What a start that can't succeed says, which is one line and exit code 1. */
async function refusal(options: Parameters<typeof startPlane>[0]) {
  const starter = await spawnStarter(options);
  const { code, stdout, stderr } = await starter.ended;
  expect({ code, stdout, lines: stderr.trimEnd().split("\n").length }).toEqual({ code: 1, stdout: "", lines: 1 });
  return { stderr, stateDir: starter.stateDir };
}

const health = async (url: string) => (await fetch(`${url}/health`)).status;
const filesBelow = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => path.join(folder, name))
    .filter((file) => statSync(file).isFile());

/** A port that somebody listens on until the test ends. */
async function takePort(port: number): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  stops.push(() => new Promise((resolve) => server.close(resolve)));
}

describe("a start that succeeds", () => {
  it("says that it is ready once every isolate serves, and serves on no further port", async () => {
    const { url, port, stdout } = await plane({ isolates: 2 });
    expect(stdout().match(/^signalbox ready on .*$/gm)).toEqual([`signalbox ready on http://127.0.0.1:${port}`]);
    expect([await health(url(0)), await health(url(1))]).toEqual([200, 200]);
    await expect(fetch(url(2))).rejects.toThrow("fetch failed");
  });

  it("asks nothing of a limit: more isolates than one address may ask about their health are ready all the same", async () => {
    const limits = { health: { key: "ip", limit: 1, windowMs: 60_000 } };
    const { url } = await plane({ isolates: 3, config: { limits } });
    expect([await health(url(0)), await health(url(1)), await health(url(2))]).toEqual([200, 429, 429]);
  });

  it("runs two planes from one checkout at once", async () => {
    const [one, other] = await Promise.all([plane(), plane()]);
    expect([await health(one.url()), await health(other.url())]).toEqual([200, 200]);
    await one.stop();
    expect(await health(other.url())).toBe(200);
  });

  it("keeps its secrets out of what it prints and out of every file", async () => {
    const stateDir = path.join(makeScratchDir(), "state");
    const { stdout, stderr, stop } = await plane({ stateDir, env: { OTHER_API_KEY: "a-key-of-another-service" } });
    await stop();
    const everything = [stdout(), stderr(), ...filesBelow(stateDir).map((file) => readFileSync(file, "latin1"))].join(
      "\n",
    );
    for (const secret of [ADMIN_SECRET, SESSION_KEYS, "a-key-of-another-service"])
      expect(everything).not.toContain(secret);
    expect(everything).toContain("OTHER_API_KEY");
  });

  it("doesn't hand the rest of the environment to workerd", async () => {
    const { stateDir } = await plane({ env: { SOMETHING_ELSE: "unrelated", SOME_API_KEY: "related" } });
    const [child] = JSON.parse(readFileSync(path.join(stateDir, "run.json"), "utf8")).children;
    const names = readFileSync(`/proc/${child.pid}/environ`, "utf8")
      .split("\0")
      .map((entry) => entry.split("=")[0]);
    expect(names).toEqual(expect.arrayContaining(["ADMIN_SECRET", "SESSION_KEYS", "SOME_API_KEY"]));
    expect(names).not.toContain("SOMETHING_ELSE");
    expect(names).not.toContain("PATH");
  });

  it("removes run.json and frees its state folder when it is stopped", async () => {
    const stateDir = path.join(makeScratchDir(), "state");
    const first = await plane({ stateDir });
    expect(existsSync(path.join(stateDir, "run.json"))).toBe(true);
    await first.stop();
    expect(existsSync(path.join(stateDir, "run.json"))).toBe(false);
    expect(await health((await plane({ stateDir })).url())).toBe(200);
  });
});

describe("a start that can't succeed exits 1 with one line", () => {
  it("when one of its ports is taken, naming that port and launching nothing", async () => {
    const port = await findFreePorts(2);
    await takePort(port + 1);
    const { stderr, stateDir } = await refusal({ port, isolates: 2 });
    expect(stderr).toBe(`signalbox: port ${port + 1} is taken\n`);
    expect(existsSync(path.join(stateDir, "build", "config.capnp"))).toBe(false);
  });

  it("when the state folder can't be written", async () => {
    const file = path.join(makeScratchDir(), "a-file");
    writeFileSync(file, "");
    const { stderr } = await refusal({ stateDir: path.join(file, "state") });
    expect(stderr).toContain(`state folder ${path.join(file, "state")} is not writable: ENOTDIR`);
  });

  it("when the state folder is in use, and leaves the plane that uses it alone", async () => {
    const { stateDir, url } = await plane({ stateDir: path.join(makeScratchDir(), "state") });
    const { stderr } = await refusal({ stateDir });
    expect(stderr).toBe(`signalbox: state folder ${stateDir} is in use by a running plane\n`);
    expect(await health(url())).toBe(200);
  });

  it.each([
    ["isn't there", undefined, /config \S+none\.jsonc can't be read: ENOENT/],
    ["isn't JSON with comments", '{\n  // fine\n  "routes": [,]\n}', /config \S+\.jsonc:3:14: value expected/],
    ["has a field of the wrong type", { configFreshnessMs: "soon" }, /config \S+: configFreshnessMs /],
    ["has an unknown field", { rutes: [] }, /config \S+: rutes /],
    ["has a route to no pool", { routes: [{ id: "r", pool: "nowhere" }] }, /config \S+: routes\[0\]\.pool /],
    [
      "names a binding that doesn't exist",
      { pools: { p: { instances: [{ id: "i", binding: "NO_SUCH_APP" }] } } },
      /config \S+: pools\.p\.instances\[0\]\.binding /,
    ],
  ])("when the config %s", async (_, content, line) => {
    const folder = makeScratchDir();
    const file = path.join(folder, content === undefined ? "none.jsonc" : "config.jsonc");
    if (content !== undefined) writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content));
    const { stderr } = await refusal({ config: file });
    expect(stderr).toMatch(line);
  });

  it("when it is asked for something it doesn't know", async () => {
    const { stderr } = await refusal({ env: { PORT: "http" } });
    expect(stderr).toBe('signalbox: PORT must be a whole number from 1 to 65535, not "http"\n');
  });
});

describe("the state folder", () => {
  it("may lie under a name with spaces, quotes and letters beyond ASCII", async () => {
    const stateDir = path.join(makeScratchDir(), `a "quoted" näme\\`);
    mkdirSync(stateDir);
    expect(await health((await plane({ stateDir })).url())).toBe(200);
    expect(existsSync(path.join(stateDir, "objects"))).toBe(true);
  });
});
