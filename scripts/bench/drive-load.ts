// Saturates one contender for a timed window: one load generator per port, started together, their results added up.

import { writeFileSync } from "node:fs";
import path from "node:path";
import * as v from "valibot";
import { NEW_KEY } from "./bench-document.ts";
import { findTool, runProcess } from "./bench-process.ts";
import { cookieHeader } from "./browser-headers.ts";
import type { Histogram } from "./statistics.ts";
import { TURNS, type Turn, wrkScript } from "./wrk-script.ts";

/** Over all ports together. */
export const CONNECTIONS = 16;
/** Beyond the window: for starting, and for a last answer that never comes. */
const GRACE_MS = 20_000;

export type Load = {
  readonly ports: readonly number[];
  readonly path: string;
  readonly seconds: number;
  readonly cookies: CookieFile;
};
export type CookieFile = { readonly file: string; readonly count: number };

export type LoadResult = {
  readonly requests: number;
  readonly requestsPerSecond: number;
  /** Answers that are not 2xx or 3xx, broken connections, timeouts. */
  readonly errors: number;
  readonly latency: Histogram;
};

export type LoadGenerator = {
  readonly name: "wrk" | "autocannon";
  readonly drive: (load: Load) => Promise<LoadResult>;
};

/** `folder` takes the scripts of wrk. */
export function findLoadGenerator(folder: string): LoadGenerator {
  const wrk = findTool("wrk");
  if (wrk === undefined) return { name: "autocannon", drive: (load) => drive(load, autocannonCommand) };
  const fileOf = (turn: Turn): string => path.join(folder, `${turn}.lua`);
  for (const turn of TURNS) writeFileSync(fileOf(turn), wrkScript(turn));
  const command: CommandOf = (share) => [wrk, ...wrkArguments(share, fileOf)];
  return { name: "wrk", drive: (load) => drive(load, command) };
}

function wrkArguments({ url, connections, seconds, cookies, first }: Share, fileOf: (turn: Turn) => string): string[] {
  const isNewKey = url.endsWith(NEW_KEY);
  const plain = new URL(isNewKey ? url.slice(0, -NEW_KEY.length) : url);
  const turn = isNewKey ? "new-key" : cookies.count === 1 ? "one-cookie" : "many-cookies";
  const options = ["-t1", `-c${connections}`, `-d${seconds}s`, "-s", fileOf(turn)];
  return [...options, plain.href, "--", cookies.file, String(first), plain.pathname + plain.search];
}

/** One line per session, as the Cookie header has it. */
export function writeCookies(file: string, sessions: readonly string[]): CookieFile {
  writeFileSync(file, `${sessions.map(cookieHeader).join("\n")}\n`, { mode: 0o600 });
  return { file, count: sessions.length };
}

type Share = {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  readonly cookies: CookieFile;
  readonly first: number;
};
type CommandOf = (share: Share) => readonly [string, ...string[]];

const autocannonCommand: CommandOf = ({ url, connections, seconds, cookies, first }) => [
  process.execPath,
  path.join(import.meta.dirname, "autocannon-client.ts"),
  ...[url, connections, seconds, cookies.file, first].map(String),
];

const Report = v.object({
  requests: v.number(),
  micros: v.number(),
  errors: v.number(),
  latency: v.array(v.tuple([v.number(), v.number()])),
});

async function drive({ ports, path, seconds, cookies }: Load, commandOf: CommandOf): Promise<LoadResult> {
  const connections = CONNECTIONS / ports.length;
  const outputs = await Promise.all(
    ports.map((port, index) => {
      const first = Math.floor((cookies.count * index) / ports.length);
      const share = { url: `http://127.0.0.1:${port}${path}`, connections, seconds, cookies, first };
      return runProcess(commandOf(share), seconds * 1_000 + GRACE_MS);
    }),
  );
  const reports = outputs.map((output) => v.parse(Report, JSON.parse(output.slice(output.lastIndexOf('{"requests"')))));
  return {
    requests: sum(reports.map(({ requests }) => requests)),
    requestsPerSecond: sum(reports.map(({ requests, micros }) => (requests * 1_000_000) / micros)),
    errors: sum(reports.map(({ errors }) => errors)),
    latency: reports.flatMap(({ latency }) => latency),
  };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
