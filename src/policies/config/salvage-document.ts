// What can still be checked of a document that doesn't fit its schema: the pools, routes and limits that do. Without it,
// a caller with two kinds of faults would learn of the second kind only after mending the first.

import * as v from "valibot";
import { ConfigDocument } from "../../contracts/config.ts";
import { isObject, type Keys } from "./json-shape.ts";

export type Salvage = {
  readonly document: ConfigDocument;
  /** Where in the document sent each route that is left stands. */
  readonly routePositions: readonly number[];
};

/** Stand in for parts that don't fit, so that what refers to them is not called wrong as well. */
const SOME_DOMAIN = "domain.invalid";
const SOME_POOL = { discover: "STAND_IN" };
const SOME_LIMIT = { key: "ip", limit: 1, windowMs: 1_000 };

/** `faults` lead to everything that doesn't fit. Undefined where the document's frame itself doesn't. */
export function salvageDocument(sent: unknown, faults: readonly Keys[]): Salvage | undefined {
  if (!isObject(sent)) return undefined;
  const { domain, pools = {}, routes = [], limits = {} } = sent;
  if (!isObject(pools) || !Array.isArray(routes) || !isObject(limits)) return undefined;
  const bad = new Set(faults.map((keys) => JSON.stringify(keys.slice(0, keys[0] === "domain" ? 1 : 2))));
  const fits = (...keys: Keys) => !bad.has(JSON.stringify(keys));
  const mended = (field: string, parts: object, standIn: unknown) =>
    Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, fits(field, name) ? part : standIn]));
  const routePositions = [...routes.keys()].filter((position) => fits("routes", position));
  const parsed = v.safeParse(ConfigDocument, {
    ...(domain !== undefined && { domain: fits("domain") ? domain : SOME_DOMAIN }),
    pools: mended("pools", pools, SOME_POOL),
    routes: routePositions.map((position) => routes[position]),
    limits: mended("limits", limits, SOME_LIMIT),
  });
  return parsed.success ? { document: parsed.output, routePositions } : undefined;
}
