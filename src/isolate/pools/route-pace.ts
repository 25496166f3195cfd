// The pace of each route's answers, as long as its configuration stands. Called by the data plane.

import { AnswerPace } from "../../policies/health/answer-pace.ts";
import type { CompiledRoute } from "../../policies/routing/compiled-config.ts";

/** By route, for a pool may serve pages in milliseconds and models in minutes. */
const paces = new WeakMap<CompiledRoute, AnswerPace>();

export function paceOf(route: CompiledRoute): AnswerPace {
  const known = paces.get(route);
  if (known !== undefined) return known;
  const pace = new AnswerPace();
  paces.set(route, pace);
  return pace;
}
