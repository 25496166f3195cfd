// What one limit says to one request: the language between limiter.ts, which conducts, and the two kinds of claims.

import type { CompiledLimit } from "../../policies/limits/compiled-limit.ts";
import type { LimitFact } from "../../policies/limits/limit-answer.ts";
import type { Access } from "../refreshed.ts";

/** `uncounted`: let through although the shard did not answer; `unavailable`: refused for that. */
export type Outcome = "admitted" | "denied" | "uncounted" | "unavailable";

/** What a claim calls its shard with. */
export type Asking = Pick<Access, "env" | "ctx">;

export type LimitClaim = {
  readonly limit: CompiledLimit;
  /** Undefined until the shard has been asked. */
  readonly outcome: Outcome | undefined;
  /** What was set aside may have lapsed while other limits were asked: then `outcome` is undefined again. */
  readonly lookAgain: (nowMs: number) => void;
  /** Sets `outcome`; never rejects. `holdMs`: how long what is set aside may have to wait for other limits. */
  readonly ask: (asking: Asking, holdMs: number) => Promise<void>;
  /** The request is admitted by all its limits. */
  readonly confirm: (access: Access) => void;
  /** The request is not admitted, or has ended: what it holds comes back. */
  readonly giveBack: (asking: Asking) => void;
  readonly fact: (nowMs: number) => LimitFact;
};

/** No answer is no admission. */
export const isRefusal = (outcome: Outcome | undefined): boolean =>
  outcome === undefined || outcome === "denied" || outcome === "unavailable";
