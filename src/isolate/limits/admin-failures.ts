// Wrong admin secrets, counted per address everywhere: who has offered too many is not told any longer whether the next is right.

import type { SecretOffer } from "../../http/admin.ts";
import type { CompiledLimit } from "../../policies/limits/compiled-limit.ts";
import { type KeyFacts, standingsOf } from "../../policies/limits/limit-key.ts";
import type { Access } from "../refreshed.ts";
import { type Denied, limiter } from "./limiter.ts";

/** The limit's name in the configuration. */
export const ADMIN_FAILURES = "admin-failures";

/**
 * Undefined when the offer may be judged; a wrong one is counted by then. Offering nothing is no attempt.
 * A right one is refused like any other while the address is locked.
 */
export async function refuseGuessing(
  limit: CompiledLimit | undefined,
  { offer, facts, access }: { readonly offer: SecretOffer; readonly facts: KeyFacts; readonly access: Access },
): Promise<Denied | undefined> {
  if (limit === undefined || !offer.isOffered) return undefined;
  const standings = standingsOf([{ ...limit, onMissingKey: "fallback" }], facts);
  const [standing] = standings.ok ? standings.value : [];
  if (standing === undefined || (offer.isRight && !(await limiter().isExhausted(standing, access)))) return undefined;
  const admission = await limiter().admit([standing], access);
  return admission.ok ? undefined : admission;
}
