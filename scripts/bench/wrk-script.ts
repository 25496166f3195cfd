// The Lua text that makes wrk send what a browser sends, with the cookies of a file in rotation, and report in JSON.

import { BROWSER_HEADERS } from "./browser-headers.ts";

/** What changes from request to request. */
export const TURNS = ["one-cookie", "many-cookies", "new-key"] as const;
export type Turn = (typeof TURNS)[number];

/** wrk's arguments after `--`: the file of cookie headers, one per line, at which line to begin, and the path of new keys. */
export function wrkScript(turn: Turn): string {
  const headers = Object.entries(BROWSER_HEADERS).map(([name, value]) => `wrk.headers["${name}"] = "${value}"`);
  return `${headers.join("\n")}\n${REQUESTS[turn]}${REPORT}`;
}

const ALWAYS_THE_FIRST = `
function init(args)
  for cookie in io.lines(args[1]) do wrk.headers["Cookie"] = cookie break end
end
`;

/** Each request is made beforehand, so that a turn costs one index. */
const ROTATE = `
local requests, turn = {}, 0
function init(args)
  for cookie in io.lines(args[1]) do
    wrk.headers["Cookie"] = cookie
    requests[#requests + 1] = wrk.format()
  end
  turn = tonumber(args[2]) % #requests
end
function request()
  turn = turn % #requests + 1
  return requests[turn]
end
`;

/** The path ends with the key; a run's own start time keeps its keys apart from those of runs before. */
const NEW_KEY = `
local path, run, turn = "", os.time(), 0
function init(args)
  for cookie in io.lines(args[1]) do wrk.headers["Cookie"] = cookie break end
  path = args[3]
  run = run .. "-" .. tostring({}):sub(8) .. "-"
end
function request()
  turn = turn + 1
  return wrk.format(nil, path .. run .. turn)
end
`;

const REQUESTS: Readonly<Record<Turn, string>> = {
  "one-cookie": ALWAYS_THE_FIRST,
  "many-cookies": ROTATE,
  "new-key": NEW_KEY,
};

/** Times are in µs. */
const REPORT = `
function done(summary, latency, _)
  local e, buckets = summary.errors, {}
  for i = 1, #latency do
    local value, count = latency(i)
    buckets[i] = string.format("[%d,%d]", value, count)
  end
  io.write(string.format('{"requests":%d,"micros":%d,"errors":%d,"latency":[%s]}\\n', summary.requests, summary.duration,
    e.connect + e.read + e.write + e.status + e.timeout, table.concat(buckets, ",")))
end
`;
