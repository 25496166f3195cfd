// Writes down in the audit log what an operator did outside the configuration.

import type { AuditEvent } from "../contracts/control.ts";
import { callControl } from "../objects.ts";

/** The call may be repeated when its answer is lost; the event id keeps that from counting twice. */
export function recordAction(
  env: Env,
  action: string,
  about: Pick<AuditEvent, "subject"> & { readonly detail: NonNullable<AuditEvent["detail"]> },
): Promise<void> {
  const event: AuditEvent = { eventId: crypto.randomUUID(), action, actor: "admin", ...about };
  return callControl(env, (control) => control.record(event));
}
