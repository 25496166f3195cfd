// Whom a limit counts for one request: the text of its key, as operators write it in overrides and in the admin API.

import { ok, type Result, refuse } from "../../contracts/refusals.ts";
import { networkOf } from "./client-network.ts";
import type { CompiledLimit, KeyPart } from "./compiled-limit.ts";

/** What is known of a request; undefined or empty where it has no such thing. */
export type KeyFacts = {
  readonly clientIp: string;
  readonly user: string | undefined;
  readonly session: string | undefined;
  /** The route's id; on the control surface its path. */
  readonly route: string;
  /** Raw, without its `?`. `repository` is a parameter of it. */
  readonly query: string;
  /** By lower-case name. */
  readonly header: (name: string) => string | undefined;
};

/** One limit a request stands under, and the key it counts by. */
export type Standing = { readonly limit: CompiledLimit; readonly key: string };

/** Refuses `unauthenticated` for want of a user or session, `limit_key_missing` of anything else, where a limit denies what it can't count. */
export function standingsOf(limits: readonly CompiledLimit[], facts: KeyFacts): Result<readonly Standing[]> {
  const standings: Standing[] = [];
  for (const limit of limits) {
    const choice = keyOf(limit, facts);
    if (choice === undefined) continue;
    if (typeof choice === "object") {
      const isSignIn = choice.kind === "user" || choice.kind === "session";
      return refuse(isSignIn ? "unauthenticated" : "limit_key_missing", `limit ${limit.name}`);
    }
    standings.push({ limit, key: choice });
  }
  return ok(standings);
}

/**
 * The key, or what is missing of it where that is refused, or undefined where the limit is skipped for that. One part is its own text, several are joined by `+`,
 * each with `%` and `+` percent-encoded. A request that lacks a part counts by `~` and its address: a key that begins so by itself is
 * written `%7E…`, and one that begins with that `%257E…`, so that no two share a window.
 */
export function keyOf({ parts, onMissingKey }: CompiledLimit, facts: KeyFacts): string | KeyPart | undefined {
  let key = "";
  for (const part of parts) {
    const value = readPart(part, facts);
    if (value === undefined || value === "") {
      if (onMissingKey === "skip") return undefined;
      return onMissingKey === "deny" ? part : `~${networkOf(facts.clientIp)}`;
    }
    if (parts.length === 1) key = value.startsWith("%") ? value.replace(LOOKS_WRITTEN, "%25") : value;
    else key += `${key === "" ? "" : "+"}${value.replaceAll(/[%+]/g, encodeURIComponent)}`;
  }
  return key.startsWith("~") ? `%7E${key.slice(1)}` : key;
}

/** The `%` of a key that looks like one whose `~` has been written otherwise. */
const LOOKS_WRITTEN = /^%(?=(?:25)*7E)/;

/** A key as an operator writes it: an IPv6 address, or its /64 however spelled, stands for the network that is counted. */
export function writtenKey({ parts }: CompiledLimit, text: string): string {
  if (text.startsWith("~")) return `~${writtenNetwork(text.slice(1))}`;
  return parts.length === 1 && parts[0]?.kind === "ip" ? writtenNetwork(text) : text;
}

function writtenNetwork(text: string): string {
  const address = text.replace(/\/64$/, "");
  const network = networkOf(address);
  return network === address ? text : network;
}

function readPart(part: KeyPart, facts: KeyFacts): string | undefined {
  switch (part.kind) {
    case "ip":
      return networkOf(facts.clientIp);
    case "header":
      return facts.header(part.header);
    case "repository":
      return new URLSearchParams(facts.query).get("repository") ?? undefined;
    default:
      return facts[part.kind];
  }
}
