// What probes have found of a pool's instances, as its registry knows it: the latest whole report, and until when that counts.
// Plain data, changed in place; the clock comes in.

import type { HealthFact, HealthReport } from "../../contracts/health.ts";

/** As many as a pool may have instances. */
const FACTS_MAX = 1_000;
/** What is written down is renewed once less than this share of a report's validity is left of it. */
const RENEWED_SHARE = 0.5;
/** No report is under way for so long: one made that much earlier than the latest shows that the monitor's clock was set back. */
const LATE_MS_MAX = 60_000;

export type StoredVerdicts = { readonly facts: readonly HealthFact[]; readonly untilMs: number };

export type VerdictBook = {
  facts: ReadonlyMap<string, HealthFact>;
  /** Epoch ms from which on they count no longer. */
  untilMs: number;
  /** When the latest report was made; a restart needs not know, for what was under way to the object then is lost. */
  madeAtMs: number;
  /** What is written down. */
  stored: StoredVerdicts;
};

const NONE: StoredVerdicts = { facts: [], untilMs: 0 };

/** As the registry finds them when it starts. */
export const openVerdicts = (stored: StoredVerdicts = NONE): VerdictBook => ({
  facts: byInstance(stored.facts),
  untilMs: stored.untilMs,
  madeAtMs: Number.NEGATIVE_INFINITY,
  stored,
});

/** Puts the report in the place of the one before, unless a later one has come already. Returns what the caller writes down before it answers, if anything. */
export function hearReport(book: VerdictBook, report: HealthReport, nowMs: number): StoredVerdicts | undefined {
  if (isLate(book, report)) return undefined;
  book.madeAtMs = report.madeAtMs ?? book.madeAtMs;
  book.facts = byInstance(report.facts.slice(0, FACTS_MAX));
  book.untilMs = nowMs + report.validMs;
  if (!mustStore(book, report.validMs, nowMs)) return undefined;
  book.stored = { facts: [...book.facts.values()], untilMs: book.untilMs };
  return book.stored;
}

/** The monitor may have given it up, and told of something newer before it came. */
const isLate = (book: VerdictBook, { madeAtMs = book.madeAtMs }: HealthReport): boolean =>
  madeAtMs < book.madeAtMs && book.madeAtMs - madeAtMs < LATE_MS_MAX;

/** What counts now. */
export const verdictsNow = ({ facts, untilMs }: VerdictBook, nowMs: number): ReadonlyMap<string, HealthFact> =>
  nowMs < untilMs ? facts : NOTHING;
const NOTHING: ReadonlyMap<string, HealthFact> = new Map();

/** A row per report would buy nothing but newer times: only what a restart must know, neither lapsed there too early nor too late. */
function mustStore({ facts, untilMs, stored }: VerdictBook, validMs: number, nowMs: number): boolean {
  if (facts.size === 0) return stored.facts.length > 0;
  if (stored.untilMs - nowMs < validMs * RENEWED_SHARE || stored.untilMs > untilMs) return true;
  return (
    stored.facts.length !== facts.size || stored.facts.some((one) => facts.get(one.instanceId)?.state !== one.state)
  );
}

const byInstance = (facts: readonly HealthFact[]): ReadonlyMap<string, HealthFact> =>
  new Map(facts.map((fact) => [fact.instanceId, fact]));
