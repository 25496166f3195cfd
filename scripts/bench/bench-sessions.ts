// Sessions for the bench: opened through the plane's API, shown to every isolate before anything is timed.
// workerd keeps the files of an object open until it has been idle for 10 s, so whoever wakes many objects waits for them here.

import { setTimeout as delay } from "node:timers/promises";
import type { BenchPlane } from "./bench-plane.ts";
import { callPlane } from "./bench-plane.ts";
import { BenchProblem } from "./bench-problem.ts";
import { ask, forEachBounded } from "./loopback-client.ts";
import { descriptorShare } from "./process-facts.ts";

const CONCURRENCY = 16;
const COOKIE = /^(signalbox-session=[^;]+)/;
/** Room for what a timed window wakes. */
const DESCRIPTOR_SHARE_MAX = 0.5;
const CHECK_EVERY = 100;
const IDLE_POLL_MS = 250;
const IDLE_WAIT_MS = 30_000;

/** `name=value` of each new session's cookie; session n belongs to `user-n`. */
export async function openSessions(plane: BenchPlane, count: number): Promise<readonly string[]> {
  const cookies: string[] = [];
  const users = Array.from({ length: count }, (_, index) => `user-${index + 1}`);
  await forEachBounded(users, CONCURRENCY, async (user, index) => {
    if (index % CHECK_EVERY === 0) await waitForDescriptors(plane.pid);
    const answer = await callPlane(plane, {
      method: "POST",
      path: "/api/super/sessions",
      body: { userId: user, username: user },
    });
    cookies[index] = cookieOf(answer.headers["set-cookie"]);
  });
  return cookies;
}

function cookieOf(set: readonly string[] | undefined): string {
  const [cookie] = (set ?? []).flatMap((one) => COOKIE.exec(one)?.[1] ?? []);
  if (cookie === undefined)
    throw new BenchProblem("POST /api/super/sessions sets no cookie for plain HTTP on loopback");
  return cookie;
}

export type Visit = {
  readonly pid: number;
  readonly ports: readonly number[];
  readonly path: string;
  readonly cookies: readonly string[];
};

/** Sends one request with every cookie to every port, so that each isolate has seen each session; an object wakes up once for all. */
export async function visitWithAll({ pid, ports, path, cookies }: Visit): Promise<void> {
  await forEachBounded(cookies, CONCURRENCY, async (cookie, index) => {
    if (index % CHECK_EVERY === 0) await waitForDescriptors(pid);
    for (const port of ports) {
      const { status, body } = await ask({ port, path, headers: { Cookie: cookie } });
      if (status !== 200)
        throw new BenchProblem(`port ${port} answers ${status} to a session's request: ${body.slice(0, 500)}`);
    }
  });
}

/** Returns when objects have been let go of until at most `shareMax` of the descriptors are in use, or after 30 s. */
export async function waitForDescriptors(pid: number, shareMax = DESCRIPTOR_SHARE_MAX): Promise<void> {
  for (const deadline = Date.now() + IDLE_WAIT_MS; descriptorShare(pid) > shareMax; await delay(IDLE_POLL_MS)) {
    if (Date.now() > deadline) return;
  }
}
