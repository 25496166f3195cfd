// What a pool's registry keeps to scale it: the meter, what was wished of late, what was decided. Plain data, changed in place; the clock comes
// in. Decisions are made per tick, and the caller writes them down.

import type { ScaleDecision, ScaleSettings, ScaleSignals } from "../../contracts/autoscale.ts";
import { decideScale, type ScaleWish, stepTowards, usualAfter } from "./decide-scale.ts";
import { averageOver, endStep, type LoadMeter, openMeter } from "./load-meter.ts";
import { tickMs } from "./scale-settings.ts";

export type ScaleBook = {
  readonly meter: LoadMeter;
  /** What was wished within downDelayMs: each less than the one before it, so that the first is the most. */
  readonly wishes: { readonly atMs: number; readonly want: number }[];
  usualMs: number | null;
  panicUntilMs: number;
  /** When it last decided, or began. */
  changedAtMs: number;
  /** When it last decided for more, or began. */
  raisedAtMs: number;
  tickedAtMs: number;
  signals: ScaleSignals;
  /** The newest first, at most DECISIONS_KEPT; the first says how many there shall be. */
  decisions: readonly ScaleDecision[];
};

export const DECISIONS_KEPT = 100;
const NEVER = Number.NEGATIVE_INFINITY;

export const openScale = (decisions: readonly ScaleDecision[], nowMs: number): ScaleBook => ({
  meter: openMeter(nowMs),
  wishes: [],
  usualMs: decisions[0]?.signals.usualMs ?? null,
  panicUntilMs: NEVER,
  changedAtMs: nowMs,
  raisedAtMs: nowMs,
  tickedAtMs: nowMs,
  signals: {
    inFlight: { stable: 0, panic: 0 },
    latencyMs: null,
    usualMs: null,
    errorShare: null,
    cpu: null,
    isPanic: false,
  },
  decisions,
});

/** How many instances serve or are asked to. `always`: those that serve whatever the load; `most`: those there are with all standby ones. */
export function activeIn(
  { decisions: [last] }: ScaleBook,
  settings: ScaleSettings,
  { always, most, nowMs }: Capacity,
): number {
  if (settings.scaledBy === "standby") return Math.min(most, Math.max(always, last?.to ?? settings.min));
  return last === undefined || hasLapsed(last, settings, nowMs) ? always : last.to;
}

/** Whoever is asked to bring instances has stableMs for it from when he has heard of it; then what there is counts. */
const hasLapsed = ({ atMs, delivery }: ScaleDecision, { stableMs }: ScaleSettings, nowMs: number): boolean =>
  delivery?.state !== "due" && isPast(Math.max(atMs, delivery?.nextAtMs ?? atMs), stableMs, nowMs);

type Capacity = { readonly always: number; readonly most: number; readonly nowMs: number };

/** Ends the time under way as a step of its own: nothing has happened for long. */
export function closeStep(book: ScaleBook, settings: ScaleSettings, nowMs: number): void {
  endStep(book.meter, { cpu: null, nowMs, keptMs: settings.stableMs });
  book.tickedAtMs = nowMs;
}

/** When the next tick is due, epoch ms. What lies further ahead was set on another clock. */
export const nextTickAtMs = ({ tickedAtMs }: ScaleBook, settings: ScaleSettings, nowMs: number): number =>
  Math.min(tickedAtMs, nowMs) + tickMs(settings);

type Tick = {
  readonly settings: ScaleSettings;
  readonly active: number;
  readonly out: number;
  readonly cpu: number | null;
  readonly nowMs: number;
  readonly pool: string;
};

/** The decision this tick leads to, if any; it is in force then. */
export function tickScale(
  book: ScaleBook,
  { settings, active, out, cpu, nowMs, pool }: Tick,
): ScaleDecision | undefined {
  const { stableMs, panicMs } = settings;
  endStep(book.meter, { cpu, nowMs, keptMs: stableMs });
  book.tickedAtMs = nowMs;
  const latest = averageOver(book.meter, tickMs(settings), nowMs);
  book.usualMs = usualAfter(book.usualMs, latest, { settings, active });
  const wish = decideScale({
    settings,
    active,
    out,
    stable: averageOver(book.meter, stableMs, nowMs),
    panic: averageOver(book.meter, panicMs, nowMs),
    usualMs: book.usualMs,
    hasSettled: isPast(book.changedAtMs, 2 * panicMs, nowMs),
    wasPanic: nowMs < book.panicUntilMs && book.panicUntilMs <= nowMs + stableMs,
  });
  book.signals = wish.signals;
  if (wish.isPanic) book.panicUntilMs = nowMs + stableMs;
  const asked = book.decisions[0]?.to ?? active;
  const to = stepTowards(delayed(book, wish.want, { settings, active, nowMs }), active, asked);
  return to === active ? undefined : decide(book, wish, { from: active, to, nowMs, pool });
}

const isPast = (sinceMs: number, ms: number, nowMs: number): boolean => nowMs - sinceMs >= ms || nowMs < sinceMs;

/** More is had at once. Less is only had when no more has been wished for downDelayMs, and a whole stable window has been seen. */
function delayed(
  book: ScaleBook,
  want: number,
  { settings, active, nowMs }: Pick<Tick, "settings" | "active" | "nowMs">,
): number {
  const { wishes } = book;
  const oldestMs = nowMs - settings.downDelayMs;
  while (wishes.length > 0 && (wishes[0]?.atMs ?? 0) <= oldestMs) wishes.shift();
  while (wishes.length > 0 && ((wishes.at(-1)?.want ?? 0) <= want || (wishes.at(-1)?.atMs ?? 0) > nowMs)) wishes.pop();
  wishes.push({ atMs: nowMs, want });
  if (want >= active) return want;
  const isSeen = isPast(book.raisedAtMs, Math.max(settings.stableMs, settings.downDelayMs), nowMs);
  return isSeen ? Math.min(active, wishes[0]?.want ?? want) : active;
}

function decide(
  book: ScaleBook,
  { reason, why, signals }: ScaleWish,
  {
    from,
    to,
    nowMs,
    pool,
  }: { readonly from: number; readonly to: number; readonly nowMs: number; readonly pool: string },
): ScaleDecision {
  const decision = { id: `${pool}-${nowMs}-${to}`, atMs: nowMs, from, to, reason, why, signals };
  book.changedAtMs = nowMs;
  if (to > from) book.raisedAtMs = nowMs;
  book.decisions = [decision, ...book.decisions].slice(0, DECISIONS_KEPT);
  return decision;
}
