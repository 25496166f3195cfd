// Proves that the comparison is fair: what the plane sends to a backend and what the pass-through sends have the same names.

import { PATHS } from "./bench-document.ts";
import { BROWSER_HEADERS } from "./browser-headers.ts";
import { ask } from "./loopback-client.ts";

export type HeaderComparison = { readonly onlyPlane: readonly string[]; readonly onlyLimit: readonly string[] };

/** Both ports lead to the echo; `cookie` is a signed-in session's header. */
export async function compareHeaders(plane: number, limit: number, cookie: string): Promise<HeaderComparison> {
  const [fromPlane, fromLimit] = await Promise.all([namesSent(plane, cookie), namesSent(limit, cookie)]);
  return {
    onlyPlane: fromPlane.filter((name) => !fromLimit.includes(name)),
    onlyLimit: fromLimit.filter((name) => !fromPlane.includes(name)),
  };
}

/** `Connection` is this client's own: the load generators send none. */
async function namesSent(port: number, cookie: string): Promise<readonly string[]> {
  const headers = { ...BROWSER_HEADERS, Cookie: cookie };
  const { body } = await ask({ port, path: PATHS.echo, headers });
  return Object.keys(JSON.parse(body) as object)
    .filter((name) => name !== "connection")
    .sort();
}
