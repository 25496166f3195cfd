// Which pools' monitors are to be told of a new version of the configuration, and when again if they could not be. Pure.

import type { ConfigDocument } from "../../contracts/config.ts";

const FIRST_MS = 1_000;
const LONGEST_MS = 60_000;

export const poolsWithHealth = ({ pools = {} }: ConfigDocument): string[] =>
  Object.entries(pools).flatMap(([name, { health }]) => (health === undefined ? [] : [name]));

/** Doubling from 1 s to a minute; `attempts` that failed before this one, ms. */
export const tellAgainMs = (attempts: number): number => Math.min(FIRST_MS * 2 ** Math.min(attempts, 16), LONGEST_MS);
