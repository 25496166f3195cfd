// The pool that a path names, as configured now.

import type { IRequestStrict } from "itty-router";
import { decodeSegment } from "../http/path-segment.ts";
import { currentConfig } from "../isolate/config-snapshot.ts";
import type { CompiledPool } from "../policies/routing/compiled-config.ts";

/** Of a route with `:pool` in its path; undefined where there is none of that name. */
export const namedPool = async (
  { params }: IRequestStrict,
  env: Env,
  ctx: ExecutionContext,
): Promise<CompiledPool | undefined> => (await currentConfig(env, ctx)).pools.get(decodeSegment(params.pool) ?? "");
