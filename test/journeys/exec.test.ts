// Commands run for users through a real plane and its real agent: what they print, what they can't reach, how they are ended.

import { existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { agentUrl, ask, countLines, ended, post, runFolders, runToEnd, userFolder, userUrl } from "./exec-plane.ts";
import { isAlive, type Plane, startPlane } from "./plane.ts";

let plane: Plane;
beforeAll(async () => {
  plane = await startPlane({ agent: true, config: {}, env: { EXEC_OUTPUT_BYTES_MAX: "200000" } });
});
afterAll(async () => {
  await plane?.stop();
});

/** Everything a shell would make something of. */
const NASTY = `'"\\ $(touch pwned) \`touch pwned\` ; touch pwned & | > pwned < * ? ~ \n # é 😀 $HOME %s -n`;

describe("a command", () => {
  it("is run by sh in a folder of the user's own, and tells what it printed and how it ended", async () => {
    const told = await runToEnd(plane, "ann", { command: "pwd; echo out; echo err >&2; exit 7" });
    expect(told).toMatchObject({
      ...{ status: "failed", exitCode: 7, stdout: `${userFolder(plane, "ann")}\nout\n`, stderr: "err\n" },
      ...{ truncated: false, error: "it ended with exit code 7" },
    });
  });

  it("gets arguments, variables and folder exactly as they were sent, and no shell sees them", async () => {
    mkdirSync(path.join(userFolder(plane, "nasty"), "a; touch pwned $(b)"), { recursive: true });
    const script = "process.stdout.write(JSON.stringify([process.argv.slice(1), process.env.NASTY, process.cwd()]))";
    const told = await runToEnd(plane, "nasty", {
      argv: [process.execPath, "-e", script, "--", NASTY, "", "--help"],
      env: { NASTY },
      workingDir: "a; touch pwned $(b)",
    });
    const cwd = path.join(userFolder(plane, "nasty"), "a; touch pwned $(b)");
    expect(JSON.parse(String(told.stdout))).toEqual([[NASTY, "", "--help"], NASTY, cwd]);
    expect(existsSync(path.join(cwd, "pwned")) || existsSync(path.join(userFolder(plane, "nasty"), "pwned"))).toBe(
      false,
    );
  });

  it.each(["eval", "exit", "exec", "cd", "keep"])(
    "called %s by argv is a program, never the shell's own",
    async (name) => {
      expect(await runToEnd(plane, "ann", { argv: [name, "echo pwned"] })).toMatchObject({ stdout: "", exitCode: 127 });
    },
  );

  it("sees nothing of the agent's environment", async () => {
    const told = await runToEnd(plane, "ann", { command: "env" });
    expect(String(told.stdout)).not.toMatch(/AGENT_|SECRET|SESSION_KEYS/);
  });

  it("may play with its own output: what it wrote stays", async () => {
    const command = "echo a; echo b > /dev/stdout; echo c | tee /dev/stderr; sleep 60 & echo d";
    expect(await runToEnd(plane, "ann", { command })).toMatchObject({
      stdout: "a\nb\nc\nd\n",
      stderr: "c\n",
      exitCode: 0,
    });
  });

  it("that prints 50 MB is kept up to the cap and ends by itself", async () => {
    const told = await runToEnd(plane, "ann", { command: "yes 0123456789 | head -c 50000000; echo done >&2" });
    expect(told).toMatchObject({ status: "succeeded", truncated: true, stdoutBytes: 200_000, stderr: "done\n" });
    expect(String(told.stdout)).toHaveLength(65_536);
  });

  it("may print what is no text, and NUL", async () => {
    const told = await runToEnd(plane, "ann", {
      command: "printf '\\357\\273\\277a\\000b\\377\\303'; printf '\\251c' >&2",
    });
    expect(told).toMatchObject({ stdout: "\ufeffa\0b\ufffd\ufffd", stderr: "\ufffdc", stdoutBytes: 8, stderrBytes: 2 });
    expect(await runToEnd(plane, "ann", { command: "head -c 150000 /dev/urandom" })).toMatchObject({
      ...{ status: "succeeded", stdoutBytes: 150_000, truncated: true },
    });
  });

  it("that takes longer than its timeout is ended", async () => {
    const told = await runToEnd(plane, "slow", { command: "sleep 60", timeout: 300 });
    expect(told).toMatchObject({ status: "timed_out", error: "it ran longer than its timeout" });
  });

  it("that does not heed SIGTERM is ended by force, with all it started", async () => {
    const command = `trap '' TERM; echo $$ > pid; echo ready; for i in $(seq 300); do sleep 0.1; done`;
    const { execId } = await post(plane, "deaf", { command });
    const exec = `${userUrl(plane, "deaf")}/exec/${execId}`;
    expect(await (await ask(plane, `${exec}/output?waitMs=10000`)).text()).toContain("ready");
    await ask(plane, exec, { method: "DELETE" });
    expect(await ended(plane, "deaf", execId)).toMatchObject({
      status: "cancelled",
      exitCode: null,
      stdout: "ready\n",
    });
    expect(isAlive(Number(readFileSync(path.join(userFolder(plane, "deaf"), "pid"), "utf8")))).toBe(false);
  });

  it("that no shell can carry is never begun, and says why", async () => {
    const told = await runToEnd(plane, "ann", { argv: ["touch", "begun"], env: { OPTIND: "x" } });
    expect(told).toMatchObject({ status: "failed", startedAt: null, error: "the variable OPTIND must be a number" });
    expect(existsSync(path.join(userFolder(plane, "ann"), "begun"))).toBe(false);
    expect(await runToEnd(plane, "ann", { argv: ["true"], env: { OPTIND: "7" } })).toMatchObject({
      status: "succeeded",
    });
  });

  it("is told of truthfully whatever it sends to its own group, and goes on if it means to", async () => {
    const signals = "HUP INT QUIT PIPE ALRM TERM USR1 USR2";
    const deaf = `trap : ${signals}; for one in ${signals}; do kill -$one 0; done; echo went on`;
    expect(await runToEnd(plane, "ann", { command: deaf })).toMatchObject({
      status: "succeeded",
      stdout: "went on\n",
    });
    const command = "echo before; kill -INT 0; echo after";
    expect(await runToEnd(plane, "ann", { command })).toMatchObject({ ...{ exitCode: 130, stdout: "before\n" } });
  });

  it("is followed to its end, and ended in time, also when somebody kills the process that carries it", async () => {
    const kill = "kill -9 $(cut -d' ' -f5 /proc/self/stat)";
    expect(await runToEnd(plane, "ann", { command: `${kill}; sleep 0.5; echo went on; exit 7` })).toMatchObject({
      ...{ status: "failed", exitCode: 7, stdout: "went on\n" },
    });
    const endless = await runToEnd(plane, "ann", { command: `${kill}; echo $$; sleep 60`, timeout: 500 });
    expect(endless).toMatchObject({ status: "timed_out" });
    expect(isAlive(Number(endless.stdout))).toBe(false);
  });

  it("that is cancelled gets SIGTERM and may say a last word", async () => {
    const command = `trap 'echo bye; exit 5' TERM; echo ready > ready; for i in $(seq 500); do sleep 0.05; done`;
    const { execId } = await post(plane, "bye", { command });
    await expect.poll(() => existsSync(path.join(userFolder(plane, "bye"), "ready")), { timeout: 10_000 }).toBe(true);
    expect((await ask(plane, `${userUrl(plane, "bye")}/exec/${execId}`, { method: "DELETE" })).status).toBe(202);
    expect(await ended(plane, "bye", execId)).toMatchObject({ status: "cancelled", exitCode: 5, stdout: "bye\n" });
  });
});

describe("a user's folder", () => {
  it("is not another's, and what one writes the other does not find there", async () => {
    await runToEnd(plane, "ann", { command: "echo secret > mine" });
    expect(await runToEnd(plane, "bob", { command: "cat mine" })).toMatchObject({ status: "failed", stdout: "" });
  });

  it("can't be left by a working directory that is a symbolic link", async () => {
    mkdirSync(userFolder(plane, "bob"), { recursive: true });
    symlinkSync("../ann", path.join(userFolder(plane, "bob"), "link"));
    const told = await runToEnd(plane, "bob", { command: "cat mine", workingDir: "link" });
    expect(told).toMatchObject({ status: "failed", error: "workingDir leaves the user's folder", startedAt: null });
    expect(await runToEnd(plane, "bob", { command: "pwd", workingDir: "nowhere" })).toMatchObject({
      ...{ status: "failed", error: "workingDir is not a folder" },
    });
  });
});

it("forty calls at one time under one key run one command once", async () => {
  const calls = Array.from({ length: 40 }, () =>
    post(plane, "once", { command: "echo ran >> runs; cat runs" }, { "Idempotency-Key": "one" }),
  );
  const ids = new Set((await Promise.all(calls)).map(({ execId }) => execId));
  expect(ids.size).toBe(1);
  expect(await ended(plane, "once", [...ids][0] ?? "")).toMatchObject({ stdout: "ran\n" });
  expect(countLines(plane, "once", "runs")).toEqual(new Map([["ran", 1]]));
});

it("a stream tells output while the command runs, and takes up behind the last id", async () => {
  const { execId } = await post(plane, "eve", {
    command: "echo one; for i in $(seq 500); do [ -e go ] && break; sleep 0.05; done; echo two",
  });
  const url = `${userUrl(plane, "eve")}/exec/${execId}/stream`;
  const reader = (await ask(plane, url)).body?.pipeThrough(new TextDecoderStream()).getReader();
  let seen = "";
  while (!seen.includes('"one\\n"')) seen += (await reader?.read())?.value ?? "";
  expect(seen).not.toContain("event: end");
  await reader?.cancel();
  await runToEnd(plane, "eve", { command: "touch go" });
  const rest = await (await ask(plane, url, { headers: { "Last-Event-ID": "1" } })).text();
  expect(rest).not.toContain('"one\\n"');
  expect(rest).toContain('data: {"text":"two\\n"}');
  expect(rest).toMatch(/event: end\nid: 3\ndata: .*"succeeded"/);
});

it("what the plane has written down the agent forgets", async () => {
  await runToEnd(plane, "ann", { command: "echo x" });
  await expect.poll(() => runFolders(plane), { timeout: 10_000 }).toEqual([]);
});

it("the agent tells what it uses, and anything else only to who has its key", async () => {
  const at = (where: string, init?: RequestInit) => fetch(`${agentUrl(plane)}${where}`, init);
  expect(await (await at("/version")).json()).toMatchObject({
    ...{ node: expect.stringMatching(/^v/), uptime: expect.any(Number) },
    ...{ memory: { rss: expect.any(Number) }, cpu: { user: expect.any(Number) } },
  });
  for (const key of ["", "Bearer ", "Bearer wrong"])
    expect((await at("/watch", { method: "POST", body: "{}", headers: { Authorization: key } })).status).toBe(401);
});
