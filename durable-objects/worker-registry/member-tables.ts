// The SQL of a registry's members: a row per registration, a row per instance that is not in, one row of membership. Called by the object only.

import type { RegisteredInstance, Registration } from "../../src/contracts/lifecycle.ts";
import type { Closing, StoredMembers } from "../../src/policies/lifecycle/member-book.ts";
import { asRegistered } from "../../src/policies/lifecycle/read-registration.ts";

type RegistrationRow = {
  instance: string;
  ttl_ms: number;
  registered_at: number;
  heard_at: number;
  expires_at: number;
  cpu: number | null;
};
type ClosingRow = {
  instance_id: string;
  state: string;
  action: string;
  change_id: string;
  since: number;
  deadline: number;
  version: number;
};

export class MemberTables {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  findMembers(): StoredMembers & { readonly atRest: boolean } {
    const [row] = this.#sql
      .exec<{ version: number; at_rest: number }>("SELECT version, at_rest FROM membership")
      .toArray();
    return {
      version: row?.version ?? 0,
      atRest: row?.at_rest === 1,
      registrations: this.#sql
        .exec<RegistrationRow>("SELECT * FROM registrations ORDER BY id")
        .toArray()
        .map(toRegistration),
      closings: this.#sql.exec<ClosingRow>("SELECT * FROM closings ORDER BY since").toArray().map(toClosing),
    };
  }

  saveMembership(version: number, atRest: boolean): void {
    this.#sql.exec(
      "INSERT OR REPLACE INTO membership (only_row, version, at_rest) VALUES (1, ?, ?)",
      version,
      atRest ? 1 : 0,
    );
  }

  /** One that is known keeps its place in the order. */
  saveRegistration(registration: Registration): void {
    const { id, ttlMs, registeredAtMs, heardAtMs, expiresAtMs, cpu } = registration;
    this.#sql.exec(
      `INSERT INTO registrations (instance_id, instance, ttl_ms, registered_at, heard_at, expires_at, cpu)
       VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (instance_id) DO UPDATE SET instance = excluded.instance, ttl_ms = excluded.ttl_ms,
         heard_at = excluded.heard_at, expires_at = excluded.expires_at, cpu = excluded.cpu`,
      ...[id, JSON.stringify(asRegistered(registration)), ttlMs, registeredAtMs, heardAtMs, expiresAtMs, cpu ?? null],
    );
  }

  deleteRegistration(instanceId: string): void {
    this.#sql.exec("DELETE FROM registrations WHERE instance_id = ?", instanceId);
  }

  saveClosing({ instanceId, state, action, changeId, sinceMs, deadlineMs, version }: Closing): void {
    this.#sql.exec(
      `INSERT OR REPLACE INTO closings (instance_id, state, action, change_id, since, deadline, version)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      ...[instanceId, state, action, changeId, sinceMs, deadlineMs, version],
    );
  }

  deleteClosing(instanceId: string): void {
    this.#sql.exec("DELETE FROM closings WHERE instance_id = ?", instanceId);
  }
}

const toRegistration = ({
  instance,
  ttl_ms,
  registered_at,
  heard_at,
  expires_at,
  cpu,
}: RegistrationRow): Registration => ({
  ...(JSON.parse(instance) as RegisteredInstance),
  ttlMs: ttl_ms,
  registeredAtMs: registered_at,
  heardAtMs: heard_at,
  expiresAtMs: expires_at,
  ...(cpu !== null && { cpu }),
});

const toClosing = ({ instance_id, state, action, change_id, since, deadline, version }: ClosingRow): Closing => ({
  instanceId: instance_id,
  state: state as Closing["state"],
  action: action as Closing["action"],
  changeId: change_id,
  sinceMs: since,
  deadlineMs: deadline,
  version,
});
