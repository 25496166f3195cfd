// How planes end: when asked to, when killed, when workerd dies, and what the next start finds.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { startOrigin } from "./origin.ts";
import { isAlive, makeScratchDir, type Plane, recordedPids, spawnStarter, startPlane } from "./plane.ts";

/** What the contract allows. */
const GONE_MS = 5_000;

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
});

async function plane(options: Parameters<typeof startPlane>[0] = {}): Promise<Plane> {
  const started = await startPlane(options);
  ends.push(started.kill9);
  return started;
}

const stateDir = () => path.join(makeScratchDir(), "state");

async function until(what: string, holds: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 10_000; !holds(); await delay(10)) {
    if (Date.now() > deadline) throw new Error(`never: ${what}`);
  }
}

/** Processes on whose command line `folder` stands: a workerd, or what is about to become one. */
const processesNaming = (folder: string): readonly number[] =>
  readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0 && commandLine(pid).includes(folder));

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

/** Ends `started` with `signal` and says how that went. */
async function endWith(started: Plane, signal: NodeJS.Signals) {
  const pids = recordedPids(started.stateDir);
  const before = performance.now();
  started.signal(signal);
  const { code } = await started.ended;
  const tookMs = performance.now() - before;
  return { code, inTime: tookMs < GONE_MS, tookMs, left: pids.filter(isAlive) };
}

/** A plane in front of one HTTP origin. */
async function planeBeforeOrigin() {
  const origin = await startOrigin("a");
  ends.push(origin.kill);
  const config = {
    pools: { origin: { instances: [{ id: "a", url: origin.url }] } },
    routes: [{ id: "all", pool: "origin" }],
  };
  return { origin, plane: await plane({ config }) };
}

describe("a plane that is asked to stop", () => {
  it.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)(
    "by %s has ended everything it started and exits 0",
    async (signal) => {
      const outcome = await endWith(await plane({ isolates: 2 }), signal);
      expect(outcome).toMatchObject({ code: 0, inTime: true, left: [] });
    },
  );

  it("twice in a row ends as if asked once", async () => {
    const started = await plane();
    started.signal("SIGINT");
    expect(await endWith(started, "SIGINT")).toMatchObject({ code: 0, inTime: true, left: [] });
  });

  it("says nothing on stderr when the whole group is asked at once, as by Ctrl-C", async () => {
    const started = await plane();
    process.kill(-started.pid, "SIGINT");
    expect(await started.ended).toMatchObject({ code: 0, stderr: "" });
  });

  it.each(["lock.db", "run.json"])(
    "before it is ready, as soon as %s is there, exits 0 and leaves nobody",
    async (sign) => {
      const starter = await spawnStarter({ stateDir: stateDir() });
      ends.push(starter.kill9);
      await until(sign, () => existsSync(path.join(starter.stateDir, sign)));
      starter.signal("SIGTERM");
      expect(await starter.ended).toMatchObject({ code: 0, stderr: "" });
      expect(processesNaming(starter.stateDir)).toEqual([]);
      expect(existsSync(path.join(starter.stateDir, "run.json"))).toBe(false);
    },
  );

  it("ends within 5 s with a WebSocket open", async () => {
    const { plane: started } = await planeBeforeOrigin();
    const socket = new WebSocket(started.url().replace("http", "ws"));
    socket.on("error", () => {});
    await new Promise((resolve, reject) => socket.once("message", resolve).once("error", reject));
    expect(await endWith(started, "SIGTERM")).toMatchObject({ code: 0, inTime: true, left: [] });
  });

  it("ends within 5 s with a request under way and a client that never finishes its own", async () => {
    const { plane: started, origin } = await planeBeforeOrigin();
    request(`${started.url()}/hang`)
      .on("error", () => {})
      .end();
    const unfinished = connect(started.port, "127.0.0.1").on("error", () => {});
    unfinished.write("GET / HTTP/1.1\r\nHost: a\r\n");
    await until("the origin holds the request", () => origin.hits() > 0);
    expect(await endWith(started, "SIGTERM")).toMatchObject({ code: 0, inTime: true, left: [] });
    unfinished.destroy();
  });
});

describe("a plane that is killed", () => {
  it("as a whole group starts again from the same state folder", async () => {
    const folder = stateDir();
    const first = await plane({ stateDir: folder });
    await first.kill9();
    const second = await plane({ stateDir: folder, port: first.port });
    expect((await fetch(`${second.url()}/health`)).status).toBe(200);
  });

  it("but for its workerd has that orphan ended by the next start, on the same port", async () => {
    const folder = stateDir();
    const first = await plane({ stateDir: folder });
    const [, orphan = 0] = recordedPids(folder);
    first.signal("SIGKILL");
    await first.ended;
    expect(isAlive(orphan)).toBe(true);
    const second = await plane({ stateDir: folder, port: first.port });
    expect(isAlive(orphan)).toBe(false);
    expect((await fetch(`${second.url()}/health`)).status).toBe(200);
  });

  it.each([
    ["lock.db", "has taken its state folder"],
    ["build/signalbox.js", "has bundled the sources"],
    ["build/config.capnp", "has written workerd's configuration"],
    ["run.json", "has launched workerd"],
  ])("the moment %s shows that it %s, is started again and leaves nobody behind", async (sign) => {
    const folder = stateDir();
    const starter = await spawnStarter({ stateDir: folder });
    ends.push(starter.kill9);
    await until(sign, () => existsSync(path.join(folder, sign)));
    starter.signal("SIGKILL");
    await starter.ended;
    const second = await plane({ stateDir: folder, port: starter.port });
    await until("only the second plane's workerd is left", () => processesNaming(folder).length === 1);
    expect(processesNaming(folder)).toEqual(recordedPids(folder).slice(1));
    expect((await fetch(`${second.url()}/health`)).status).toBe(200);
  });

  it("is ready again within 5 s", async () => {
    const first = await plane({ stateDir: stateDir() });
    await first.kill9();
    const before = performance.now();
    await plane({ stateDir: first.stateDir });
    expect(performance.now() - before).toBeLessThan(5_000);
  });

  it("leaves planes with another state folder alone when it is started again", async () => {
    const [folder, other] = [stateDir(), await plane()];
    const first = await plane({ stateDir: folder });
    await first.kill9();
    await plane({ stateDir: folder });
    expect((await fetch(`${other.url()}/health`)).status).toBe(200);
  });
});

describe("a plane whose workerd dies", () => {
  it.each(["SIGKILL", "SIGTERM"] as const)("by %s exits 1 with one line", async (signal) => {
    const started = await plane();
    const [, workerd = 0] = recordedPids(started.stateDir);
    process.kill(workerd, signal);
    const { code, stderr } = await started.ended;
    expect([code, stderr.trimEnd().split("\n").length]).toEqual([1, 1]);
    expect(stderr).toMatch(/^signalbox: workerd ended by itself/);
    expect(existsSync(path.join(started.stateDir, "run.json"))).toBe(false);
  });
});
