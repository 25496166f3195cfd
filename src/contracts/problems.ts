// How a place in a JSON document is written for people: `routes[3].pool`, `pools["my.pool"].instances[0].url`.
// One spelling for schema issues and for what is checked after the schema.

import type * as v from "valibot";
import type { ConfigProblem } from "./config.ts";

/** A bad document may hold thousands of faults; more than this help nobody. */
export const PROBLEMS_MAX = 100;

const PLAIN_KEY = /^[A-Za-z0-9_-]+$/;

/** `pathTo("routes", 3, "pool")` is `routes[3].pool`; a key with other than A-Z a-z 0-9 _ - is quoted in brackets. */
export const pathTo = (...keys: readonly (string | number)[]): string => keys.reduce<string>(step, "");

const step = (path: string, key: string | number): string => {
  if (typeof key === "number") return `${path}[${key}]`;
  if (!PLAIN_KEY.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path === "" ? key : `${path}.${key}`;
};

/** The first PROBLEMS_MAX of valibot's issues, each with its place. */
export const listProblems = (issues: readonly v.BaseIssue<unknown>[]): ConfigProblem[] =>
  issues.slice(0, PROBLEMS_MAX).map((issue) => ({ path: pathTo(...keysOf(issue)), message: issue.message }));

/** The keys that lead to a valibot issue, outermost first. */
export const keysOf = (issue: v.BaseIssue<unknown>): (string | number)[] =>
  (issue.path ?? []).map(({ key }) => (typeof key === "number" ? key : String(key)));
