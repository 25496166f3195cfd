// Compares the two copies of the RPC interface between the plane and a backend worker (R04): equal but for the comment they open with.
// Two copies, because src imports nothing from examples and the template must deploy without the plane's sources.

import { readFileSync } from "node:fs";
import { join } from "node:path";

const PLANE = "src/contracts/backend-worker.ts";
const TEMPLATE = "examples/backend-worker/src/interfaces.ts";

export function findInterfaceProblems(root: string): readonly string[] {
  const [plane, template] = [PLANE, TEMPLATE].map((path) => withoutOpening(readFileSync(join(root, path), "utf8")));
  return plane === template ? [] : [`${TEMPLATE} differs from ${PLANE}: both sides must speak the same interface`];
}

/** What follows the `//` lines at the top. */
const withoutOpening = (source: string): string => source.replace(/^(?:\/\/.*\n)*/, "").trim();
