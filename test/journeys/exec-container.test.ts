// Commands run in the user's own container, by the platform's `ctx.container`, against a stand-in engine: what they print, how they are
// ended, and what becomes of them when the plane is killed, which keeps no record of them.

import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { bundleWorkers } from "../../scripts/start/bundle-workers.ts";
import { planeWorker } from "../../scripts/start/plane-workers.ts";
import { waitUntilServing } from "../../scripts/start/readiness.ts";
import { edgeName, workerdConfig } from "../../scripts/start/workerd-config.ts";
import { launchWorkerd, type WorkerdProcess } from "../../scripts/start/workerd-process.ts";
import { readWranglerFile } from "../../scripts/start/wrangler-file.ts";
import { ContainerEngine } from "./container-engine.ts";
import { ask, type ExecHost, ended, post, runToEnd, userUrl } from "./exec-plane.ts";
import { ADMIN_SECRET, findFreePorts, makeScratchDir, SESSION_KEYS } from "./plane.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const folder = makeScratchDir();
const socket = path.join(folder, "engine.sock");
let engine: ContainerEngine;
let workerd: WorkerdProcess;
let pid = 0;
let plane: ExecHost;
let port: number;

beforeAll(async () => {
  engine = await ContainerEngine.start(path.join(folder, "boxes"), socket);
  port = await findFreePorts(1);
  plane = { adminSecret: ADMIN_SECRET, url: () => `http://127.0.0.1:${port}` };
  const file = readWranglerFile(path.join(ROOT, "wrangler.jsonc"));
  const secrets = ["ADMIN_SECRET", "SESSION_KEYS"];
  const version = { id: "1", tag: "", timestamp: new Date().toISOString() };
  const worker = planeWorker(file, { vars: { CLIENT_IP_SOURCE: "peer" }, secrets, version });
  const alone = { ...worker, bindings: worker.bindings.filter(({ kind }) => kind !== "service" && kind !== "bucket") };
  mkdirSync(path.join(folder, "objects"));
  await bundleWorkers([alone], folder);
  const config = workerdConfig({ plane: alone, backends: [], ports: [port], objects: path.join(folder, "objects") });
  writeFileSync(path.join(folder, "config.capnp"), withContainers(config));
  await launch();
});
afterAll(async () => {
  await workerd?.end();
  engine?.stop();
});

/** What a deployment's `containers` makes of the class. */
const withContainers = (config: string): string =>
  config
    .replace('uniqueKey = "signalbox-ExecResultStore"', '$&, container = (imageName = "signalbox/user:1")')
    .replace(
      'durableObjectStorage = (localDisk = "disk")',
      `$&, containerEngine = (localDocker = (socketPath = "unix:${socket}", containerEgressInterceptorImage = "x/y:1"))`,
    );

async function launch(): Promise<void> {
  workerd = launchWorkerd({
    configFile: path.join(folder, "config.capnp"),
    sockets: [edgeName(0)],
    secrets: new Map([
      ["ADMIN_SECRET", ADMIN_SECRET],
      ["SESSION_KEYS", SESSION_KEYS],
    ]),
    record: (own) => {
      pid = own;
    },
  });
  // Also when the run is broken off.
  process.once("exit", workerd.kill);
  expect(await workerd.listening).toBe(true);
  await waitUntilServing([port], AbortSignal.timeout(20_000));
}

const boxOf = (marker: string): string => engine.commands.flat().find((argument) => argument.includes(marker)) ?? "";

it("a command is run in the user's container, and tells what it printed and how it ended", async () => {
  const told = await runToEnd(plane, "ann", {
    command: 'echo "out é"; echo err >&2; echo $X; exit 3',
    env: { X: "$(y)" },
  });
  expect(told).toMatchObject({
    status: "failed",
    exitCode: 3,
    stdout: "out é\n$(y)\n",
    stderr: "err\n",
    truncated: false,
  });
});

it("argv is a program's, and no text becomes part of a script", async () => {
  expect(await runToEnd(plane, "ann", { argv: ["printf", "%s|", "$(id)", "; id", "`id`"] })).toMatchObject({
    ...{ status: "succeeded", stdout: "$(id)|; id|`id`|" },
  });
  expect(await runToEnd(plane, "ann", { argv: ["eval", "id"] })).toMatchObject({ stdout: "", exitCode: 127 });
  expect(await runToEnd(plane, "ann", { command: "id", workingDir: "$(id)" })).toMatchObject({
    stdout: "",
    exitCode: 126,
  });
});

it("one that prints more than is kept says so", async () => {
  const told = await runToEnd(plane, "ann", { command: "yes 0123456789 | head -c 3000000" });
  expect(told).toMatchObject({ status: "succeeded", truncated: true, stdoutBytes: 1_048_576 });
});

it("one that takes longer than its timeout is ended", async () => {
  expect(await runToEnd(plane, "ann", { command: "sleep 60", timeout: 300 })).toMatchObject({ status: "timed_out" });
});

it("one that is cancelled gets SIGTERM and may say a last word", async () => {
  const command = `trap 'echo bye; exit 5' TERM; echo ready; for i in $(seq 600); do sleep 0.05; done`;
  const { execId } = await post(plane, "ann", { command });
  const exec = `${userUrl(plane, "ann")}/exec/${execId}`;
  expect(await (await ask(plane, `${exec}/output?waitMs=10000`)).text()).toContain("ready");
  await ask(plane, exec, { method: "DELETE" });
  expect(await ended(plane, "ann", execId)).toMatchObject({ status: "cancelled", exitCode: 5, stdout: "ready\nbye\n" });
});

it("a user's container is stopped until it is needed, active while a command runs and idle after a restart has ended it", async () => {
  const [cid, state] = [
    userUrl(plane, "cid"),
    async () => (await (await ask(plane, `${userUrl(plane, "cid")}/state`)).json()) as object,
  ];
  await (await ask(plane, cid, { method: "PUT", body: JSON.stringify({ name: "cid" }) })).arrayBuffer();
  expect(await state()).toMatchObject({ state: "stopped", runningExecs: 0 });
  const { execId } = await post(plane, "cid", { command: "for i in $(seq 600); do sleep 0.05; done" });
  await expect.poll(state, { timeout: 10_000 }).toMatchObject({ state: "active", runningExecs: 1 });
  await (await ask(plane, `${cid}/restart-async`, { method: "POST" })).arrayBuffer();
  expect(await ended(plane, "cid", execId)).toMatchObject({ status: "cancelled" });
  await expect.poll(state, { timeout: 10_000 }).toMatchObject({ state: "idle", restartedAt: expect.any(Number) });
});

it("through kill -9 of the plane what ran is lost and run no second time, and the next command runs", async () => {
  const { execId } = await post(plane, "bob", {
    command: "echo ran >> runs; echo $$ > shell; for i in $(seq 600); do sleep 0.05; done",
  });
  await expect.poll(() => boxOf("echo ran >> runs"), { timeout: 10_000 }).not.toBe("");
  process.kill(pid, "SIGKILL");
  await workerd.ended;
  await launch();
  expect(await ended(plane, "bob", execId)).toMatchObject({
    status: "lost",
    error: "the executor has no record of it",
  });
  expect(
    await runToEnd(plane, "bob", {
      command: "for i in $(seq 200); do [ -s runs ] && break; sleep 0.05; done; cat runs",
    }),
  ).toMatchObject({ stdout: "ran\n" });
});
