// Who belongs to a pool beyond its configuration, and who was taken out of it: changes the books by policy and writes down what changed.
// Built and called by the WorkerRegistry object only. Every verb leaves books and rows alike, in one turn.

import type {
  HeartbeatBody,
  InstanceProgress,
  LifecycleChange,
  RegisteredInstance,
  Registration,
} from "../../src/contracts/lifecycle.ts";
import type { Result } from "../../src/contracts/refusals.ts";
import { holdBack } from "../../src/policies/autoscale/scale-pool.ts";
import { lapseMembers, type RegistryBooks, renewRoster } from "../../src/policies/balancing/registry-books.ts";
import {
  changeLifecycle,
  nextSettlementAtMs,
  progressIn,
  settleClosings,
  surplusClosings,
} from "../../src/policies/lifecycle/closings.ts";
import {
  nextLapseAtMs,
  registerInstance,
  removeRegistration,
  renewRegistration,
} from "../../src/policies/lifecycle/member-book.ts";
import type { MemberTables } from "./member-tables.ts";

type PoolMembersParts = { readonly books: RegistryBooks; readonly tables: MemberTables; readonly atRest: boolean };

export class PoolMembers {
  readonly #books: RegistryBooks;
  readonly #tables: MemberTables;
  #atRest: boolean;
  #keptVersion: number;

  constructor({ books, tables, atRest }: PoolMembersParts) {
    this.#books = books;
    this.#tables = tables;
    this.#atRest = atRest;
    this.#keptVersion = books.members.version;
  }

  /** What time alone has changed: who was not heard of, and who has drained. Before anything is read. */
  settle(nowMs: number): void {
    const lapsed = lapseMembers(this.#books, nowMs);
    for (const id of lapsed) this.#tables.deleteRegistration(id);
    if (lapsed.length > 0) this.#saveMembership();
    for (const closing of settleClosings(this.#books, nowMs)) this.#tables.saveClosing(closing);
  }

  /** When time alone changes something next, epoch ms. */
  nextDueMs(): number {
    return Math.min(nextLapseAtMs(this.#books.members), nextSettlementAtMs(this.#books.members));
  }

  /** Whether no isolate has anything in flight: a row only when that changes. */
  rest(atRest: boolean): void {
    if (atRest === this.#atRest) return;
    this.#atRest = atRest;
    this.#saveMembership();
  }

  register(
    instance: RegisteredInstance,
    { ttlMs, nowMs }: { readonly ttlMs: number; readonly nowMs: number },
  ): Result<{ readonly registration: Registration; readonly isNew: boolean }> {
    const { members } = this.#books;
    const { version } = members;
    const registered = registerInstance(members, instance, { ttlMs, nowMs });
    if (!registered.ok) return registered;
    this.#tables.saveRegistration(registered.value.registration);
    if (members.version !== version) this.#renew(nowMs);
    return registered;
  }

  heartbeat(id: string, load: HeartbeatBody, nowMs: number): Result<Registration> {
    const renewed = renewRegistration(this.#books.members, id, { load, nowMs });
    if (renewed.ok) this.#tables.saveRegistration(renewed.value);
    return renewed;
  }

  deregister(id: string, nowMs: number): boolean {
    const wasThere = removeRegistration(this.#books.members, id);
    if (!wasThere) return false;
    this.#tables.deleteRegistration(id);
    this.#renew(nowMs);
    return true;
  }

  change(change: LifecycleChange, nowMs: number): void {
    const { members, roster } = this.#books;
    const { closed, opened } = changeLifecycle(members, change, nowMs);
    for (const closing of closed) this.#tables.saveClosing(closing);
    for (const id of [...opened, ...surplusClosings(members, roster?.instances ?? [])]) this.#tables.deleteClosing(id);
    holdBack(this.#books, nowMs);
    if (closed.length + opened.length > 0) this.#saveMembership();
    this.settle(nowMs);
  }

  /** Writes the membership down if it has changed since. */
  keep(): void {
    if (this.#books.members.version !== this.#keptVersion) this.#saveMembership();
  }

  progress(instanceIds: readonly string[], nowMs: number): InstanceProgress[] {
    return instanceIds.map(progressIn(this.#books, nowMs));
  }

  #renew(nowMs: number): void {
    renewRoster(this.#books, nowMs);
    this.#saveMembership();
  }

  #saveMembership(): void {
    this.#keptVersion = this.#books.members.version;
    this.#tables.saveMembership(this.#keptVersion, this.#atRest);
  }
}
