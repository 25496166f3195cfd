// The Lua text that makes wrk send what a browser sends, with the cookies of a file in rotation, and report in JSON.

import { BROWSER_HEADERS } from "./browser-headers.ts";

/** wrk's arguments after `--`: the file of cookie headers, one per line, and at which line to begin. */
export function wrkScript(many: boolean): string {
  const headers = Object.entries(BROWSER_HEADERS).map(([name, value]) => `wrk.headers["${name}"] = "${value}"`);
  return `${headers.join("\n")}\n${many ? ROTATE : ALWAYS_THE_FIRST}${REPORT}`;
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
