// What a fault (a bug, a platform error) becomes for the client; its cause goes to the log and nowhere else.

import { type Refusal, refuse } from "../contracts/refusals.ts";

/** 503 where the platform or a deadline says that it may pass, else 500. */
export function refusalOfFault(fault: unknown, requestId: string): Refusal {
  const refusal = refuse(mayPass(fault) ? "object_unavailable" : "internal_error");
  const stack = fault instanceof Error ? fault.stack : undefined;
  console.error(
    JSON.stringify({ level: "error", msg: "fault", requestId, code: refusal.code, cause: String(fault), stack }),
  );
  return refusal;
}

const mayPass = (fault: unknown): boolean =>
  fault instanceof Error &&
  (Reflect.get(fault, "retryable") === true ||
    Reflect.get(fault, "overloaded") === true ||
    fault.name === "DeadlineExceeded");
