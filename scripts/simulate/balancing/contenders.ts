// Who chooses instances: the plane's strategies, and those they are compared with. What each may know is what its function reads.

import type { Strategy } from "../../../src/contracts/balancing-config.ts";
import type { CompiledInstance } from "../../../src/policies/routing/compiled-config.ts";
import type { Random } from "../random.ts";
import type { SimulatedInstance } from "./simulated-instance.ts";
import type { SimulatedIsolate } from "./simulated-isolate.ts";

/** Index of the instance for one request of the isolate; -1 where nobody is left. */
type Choose = (isolate: SimulatedIsolate, asked: Asked) => number;
type Asked = {
  readonly instances: readonly SimulatedInstance[];
  readonly random: Random;
  readonly tried: readonly CompiledInstance[];
};

/** `strategy`: what isolates tell their registry they follow; those that need no registry never call it. */
export type Contender = {
  readonly name: string;
  readonly strategy: Strategy;
  readonly renews: boolean;
  readonly choose: Choose;
};

const ours = (strategy: Strategy): Contender => ({
  name: strategy,
  strategy,
  renews: true,
  choose: (isolate, { tried }) => isolate.choose(tried),
});

/** Each request belongs to one of so many sessions. */
const SESSIONS = 1_000;
const HASH: Contender = {
  ...ours("hash"),
  choose: (isolate, { tried, random }) => isolate.choose(tried, `session ${Math.floor(random() * SESSIONS)}`),
};

const alone = (name: string, choose: Choose): Contender => ({ name, strategy: "round-robin", renews: false, choose });

/** First of the least, from where the isolate's turn is. */
function least(isolate: SimulatedIsolate, loads: readonly { readonly inFlight: number }[]): number {
  const start = isolate.turn++;
  let found = -1;
  let fewest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < loads.length; i++) {
    const at = (start + i) % loads.length;
    const requests = loads[at]?.inFlight ?? fewest;
    if (requests >= fewest) continue;
    fewest = requests;
    found = at;
  }
  return found;
}

function betterOfTwo({ slots }: SimulatedIsolate, { random }: Asked): number {
  const one = Math.floor(random() * slots.length);
  const other = (one + 1 + Math.floor(random() * (slots.length - 1))) % slots.length;
  return (slots[other]?.inFlight ?? 0) < (slots[one]?.inFlight ?? 0) ? other : one;
}

/** Knows at every moment what every instance has in flight: what nobody can. */
export const OMNISCIENT = alone("omniscient JSQ", (isolate, { instances }) => least(isolate, instances));
export const OWN_COUNTS = alone("own counts only", (isolate) => least(isolate, isolate.slots));
export const LEAST_CONNECTIONS = ours("least-connections");
export const ROUND_ROBIN = ours("round-robin");
export const HEALTH_AWARE = ours("health-aware");
export const PEAK_EWMA = ours("peak-ewma");

/** `weighted` is left out: with equal weights it is round-robin. */
export const CONTENDERS: readonly Contender[] = [
  OMNISCIENT,
  alone("random", (isolate, { random }) => Math.floor(random() * isolate.slots.length)),
  ROUND_ROBIN,
  alone("power of two", betterOfTwo),
  OWN_COUNTS,
  LEAST_CONNECTIONS,
  HEALTH_AWARE,
  PEAK_EWMA,
  HASH,
];
