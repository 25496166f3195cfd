// One load generator in place of wrk where that isn't installed: slower, so its numbers don't compare with wrk's.
// Started by the bench as `node autocannon-client.ts URL CONNECTIONS SECONDS COOKIES FIRST`; prints what wrk-script.ts prints.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { BROWSER_HEADERS } from "./browser-headers.ts";

type Sent = { readonly headers: Readonly<Record<string, string>> };
type Client = { setRequests(requests: readonly Sent[]): void };
type Result = { readonly duration: number; readonly errors: number; readonly non2xx: number };
type Instance = PromiseLike<Result> & {
  on(event: "response", listener: (client: Client, status: number, bytes: number, ms: number) => void): void;
};
type Options = {
  readonly url: string;
  readonly connections: number;
  readonly duration: number;
  readonly requests: readonly Sent[];
  /** Puts a fresh text in the place of `[<id>]`, which NEW_KEY of bench-document.ts is. */
  readonly idReplacement: boolean;
  readonly setupClient: (client: Client) => void;
};
/** The package has no types. */
const autocannon = createRequire(import.meta.url)("autocannon") as (options: Options) => Instance;

const [url = "", connections = "", seconds = "", cookieFile = "", first = ""] = process.argv.slice(2);
const cookies = readFileSync(cookieFile, "utf8").trimEnd().split("\n");
const requests = cookies.map((cookie) => ({ headers: { ...BROWSER_HEADERS, Cookie: cookie } }));
const latency = new Map<number, number>();
let answered = 0;
let clients = 0;

/** Connections begin at different cookies, so that together they rotate. */
function startApart(client: Client): void {
  const from = (Number(first) + Math.floor((clients++ * requests.length) / Number(connections))) % requests.length;
  client.setRequests([...requests.slice(from), ...requests.slice(0, from)]);
}

const run = autocannon({
  url,
  connections: Number(connections),
  duration: Number(seconds),
  requests,
  idReplacement: true,
  setupClient: startApart,
});
run.on("response", (_client, _status, _bytes, ms) => {
  const micros = Math.round(ms * 1_000);
  latency.set(micros, (latency.get(micros) ?? 0) + 1);
  answered++;
});
const { duration, errors, non2xx } = await run;
const report = { requests: answered, micros: duration * 1_000_000, errors: errors + non2xx, latency: [...latency] };
process.stdout.write(`${JSON.stringify(report)}\n`);
