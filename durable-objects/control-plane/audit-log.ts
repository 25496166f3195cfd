// The append-only audit log of the ControlPlane object: chains each row to the one before and follows the chain when asked.
// Writes only inside a transaction of its caller, so that a change and its row commit together.

import { createHash } from "node:crypto";
import type { AuditEvent, AuditRow, AuditVerdict } from "../../src/contracts/control.ts";
import { chainHash, concludeChain, followChain, startAt } from "../../src/policies/config/audit-chain.ts";
import type { ControlPlaneTables } from "./control-plane-tables.ts";

const ROWS_KEPT = 100_000;
const LIST_MAX = 1_000;
/** Hashed in some 20 ms. */
const VERIFY_SLICE_ROWS = 2_000;

/** Synchronous, as the transaction that needs it is; WebCrypto's digest is not. */
export const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

export class AuditLog {
  readonly #tables: ControlPlaneTables;
  constructor(tables: ControlPlaneTables) {
    this.#tables = tables;
  }

  append({ action, actor, subject, detail, eventId }: AuditEvent, nowMs: number): void {
    if (eventId !== undefined && this.#tables.hasEvent(eventId)) return;
    const { anchor, head } = this.#tables.state();
    const entry = {
      seq: head.seq + 1,
      at: nowMs,
      action,
      actor,
      subject,
      detail: detail === undefined ? null : JSON.stringify(detail),
      eventId: eventId ?? null,
    };
    this.#tables.appendAudit({ ...entry, hash: chainHash(sha256, head.hash, entry) });
    const through = entry.seq - ROWS_KEPT;
    if (through > anchor.seq) this.#tables.pruneAudit(through);
  }

  list(after: number, limit: number): AuditRow[] {
    return this.#tables.listAudit(after, Math.min(limit, LIST_MAX));
  }

  /** In slices: isolates that ask for the configuration must not wait for all of it. */
  async verify(): Promise<AuditVerdict> {
    let followed = startAt(this.#tables.state().anchor);
    // From before the start of the chain, so that a row put in there shows too.
    let after = Number.MIN_SAFE_INTEGER;
    for (;;) {
      const rows = this.#tables.chainAfter(after, VERIFY_SLICE_ROWS);
      const end = rows.at(-1);
      if (end === undefined) return concludeChain(followed, this.#tables.state().head);
      followed = followChain(sha256, followed, rows);
      after = end.seq;
      await scheduler.wait(0);
    }
  }
}
