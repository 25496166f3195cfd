// What exec journeys do with a plane and its agent: begin, follow, count what really ran, and find the agent's process.

import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Plane } from "./plane.ts";

export type Told = Readonly<Record<string, unknown>> & { readonly execId: string; readonly status: string };

/** Whoever serves the API. */
export type ExecHost = Pick<Plane, "adminSecret" | "url">;

const ACTIVE = new Set(["queued", "running"]);

export const userUrl = (plane: ExecHost, userId: string): string => `${plane.url()}/api/super/users/${userId}`;

export async function ask(plane: ExecHost, url: string, init: RequestInit = {}): Promise<Response> {
  const headers = { "X-Admin-Secret": plane.adminSecret, "Content-Type": "application/json", ...init.headers };
  return await fetch(url, { ...init, headers, signal: AbortSignal.timeout(25_000) });
}

/** Whoever was registered by this file's tests, as address and id: a plane that is killed knows them again. */
const registered = new Set<string>();

async function register(plane: ExecHost, userId: string): Promise<void> {
  const url = userUrl(plane, userId);
  if (registered.has(url)) return;
  const { ok } = await ask(plane, url, { method: "PUT", body: JSON.stringify({ name: userId, tier: 1 }) });
  if (ok) registered.add(url);
}

export async function post(plane: ExecHost, userId: string, body: object, headers: HeadersInit = {}): Promise<Told> {
  await register(plane, userId);
  const response = await ask(plane, `${userUrl(plane, userId)}/exec`, {
    method: "POST",
    body: JSON.stringify(body),
    headers,
  });
  return (await response.json()) as Told;
}

export async function runToEnd(plane: ExecHost, userId: string, body: object): Promise<Told> {
  const { execId } = await post(plane, userId, body);
  return await ended(plane, userId, execId);
}

/** The exec once it has ended; through restarts of the plane. */
export async function ended(plane: ExecHost, userId: string, execId: string): Promise<Told> {
  for (const deadline = Date.now() + 100_000; ; await delay(25)) {
    const told = await statusOf(plane, userId, execId);
    if (told !== undefined && !ACTIVE.has(told.status)) return told;
    if (Date.now() > deadline) throw new Error(`${execId} does not end: ${JSON.stringify(told)}`);
  }
}

/** As it stands when it has ended, or after 5 s; undefined while nobody answers. */
async function statusOf(plane: ExecHost, userId: string, execId: string): Promise<Told | undefined> {
  try {
    const exec = `${userUrl(plane, userId)}/exec/${execId}`;
    // No output has that seq: it waits for the end.
    await (await ask(plane, `${exec}/output?after=999999&waitMs=5000`)).arrayBuffer();
    const response = await ask(plane, `${exec}/status`);
    return response.ok ? ((await response.json()) as Told) : undefined;
  } catch {
    return undefined;
  }
}

export const userFolder = (plane: Plane, userId: string): string => path.join(plane.stateDir, "agent", "users", userId);

/** How often each line was written to a file of the user's. */
export function countLines(plane: Plane, userId: string, file: string): Map<string, number> {
  const counts = new Map<string, number>();
  let text = "";
  try {
    text = readFileSync(path.join(userFolder(plane, userId), file), "utf8");
  } catch {
    // Nothing has run yet.
  }
  for (const line of text.split("\n").filter((one) => one !== "")) counts.set(line, (counts.get(line) ?? 0) + 1);
  return counts;
}

export const runFolders = (plane: Plane): readonly string[] => readdirSync(path.join(plane.stateDir, "agent", "execs"));

/** As the plane has written it down. */
export function childPid(plane: Plane, name: "agent" | "workerd"): number {
  const { children } = JSON.parse(readFileSync(path.join(plane.stateDir, "run.json"), "utf8")) as {
    children: readonly { readonly name: string; readonly pid: number }[];
  };
  return children.find((child) => child.name === name)?.pid ?? 0;
}

/** As the plane was told. */
export const agentUrl = (plane: Plane): string => {
  const config = readFileSync(path.join(plane.stateDir, "build", "config.capnp"), "utf8");
  return /"EXEC_AGENT_URL", text = "([^"]+)"/.exec(config)?.[1] ?? "";
};
