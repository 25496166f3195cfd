// What a fault (a bug, a platform error) becomes for the client; its cause goes to the log and nowhere else.

import { type Refusal, refuse } from "../contracts/refusals.ts";
import { DeadlineExceeded } from "../deadline.ts";
import { log } from "../log.ts";
import { hasFlag } from "../objects.ts";

/** 503 where the platform or a deadline says that it may pass, else 500. */
export function refusalOfFault(fault: unknown, requestId: string): Refusal {
  const refusal = refuse(mayPass(fault) ? "object_unavailable" : "internal_error");
  const stack = fault instanceof Error ? fault.stack : undefined;
  log("error", "fault", { requestId, code: refusal.code, cause: String(fault), stack });
  return refusal;
}

/** Overload passes too: the client may come again, though the plane itself doesn't (objects.ts). */
const mayPass = (fault: unknown): boolean =>
  hasFlag(fault, "retryable") || hasFlag(fault, "overloaded") || fault instanceof DeadlineExceeded;
