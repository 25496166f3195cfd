// Applies a pool's autoscale to its registry's books: which standby instances are held back, what the load is, what is decided. Called by the
// registry's policies and its object; the clock comes in.

import type { AutoscaleStatus, ScaleDecision, ScaleSettings } from "../../contracts/autoscale.ts";
import type { RosterInstance } from "../../contracts/registry.ts";
import type { RegistryBooks } from "../balancing/registry-books.ts";
import { outOfPool } from "../health/out-of-pool.ts";
import { verdictsNow } from "../health/verdicts.ts";
import { meterInFlight, meterOutcomes } from "./load-meter.ts";
import { activeIn, closeStep, nextTickAtMs, tickScale } from "./scale-book.ts";
import { tickMs } from "./scale-settings.ts";

/** What there is to scale: undefined where nothing is, or the platform does it. */
export const scalingOf = ({ roster }: Pick<RegistryBooks, "roster">): ScaleSettings | undefined =>
  roster?.autoscale?.scaledBy === "platform" ? undefined : roster?.autoscale;

/** Instances that may be sent to. */
export function openInstances({ roster, members: { closings, held } }: RegistryBooks): readonly RosterInstance[] {
  const instances = roster?.instances ?? [];
  return closings.size + held.size === 0 ? instances : instances.filter(({ id }) => !closings.has(id) && !held.has(id));
}

/** Standby instances that are not needed, in the order of the pool; those an operator took out can't be had anyway. */
export function heldBack(books: RegistryBooks, nowMs: number): ReadonlySet<string> {
  const settings = scalingOf(books);
  if (settings?.scaledBy !== "standby") return NONE;
  const { always, standby } = capacityOf(books, settings);
  const active = activeIn(books.scale, settings, { always, most: always + standby.length, nowMs });
  return new Set(standby.slice(active - always));
}
const NONE: ReadonlySet<string> = new Set();

/** Holds back who is not needed, and lets in who is; whoever acts on the membership has to hear of it then. */
export function holdBack(books: RegistryBooks, nowMs: number): void {
  const held = heldBack(books, nowMs);
  const { members } = books;
  const isSame = held.size === members.held.size && [...held].every((id) => members.held.has(id));
  // Isolates that have been told nothing yet hold all standby instances back.
  const isUntold = members.version === 0 && scalingOf(books)?.scaledBy === "standby";
  if (isSame && !isUntold) return;
  members.held = held;
  members.version++;
}

/** After an isolate's report. */
export function meterLoad(books: RegistryBooks, outcomes: Parameters<typeof meterOutcomes>[1], nowMs: number): void {
  const settings = scalingOf(books);
  if (settings === undefined) return;
  const { scale } = books;
  // A pool that was at rest is measured from here on.
  if (nowMs > nextTickAtMs(scale, settings, nowMs) + tickMs(settings)) closeStep(scale, settings, nowMs);
  meterOutcomes(scale.meter, outcomes);
  meterInFlight(scale.meter, inFlightIn(books), nowMs);
}

/** What one tick decides; standby instances follow at once. */
export function scalePool(books: RegistryBooks, pool: string, nowMs: number): ScaleDecision | undefined {
  const settings = scalingOf(books);
  if (settings === undefined) return undefined;
  meterInFlight(books.scale.meter, inFlightIn(books), nowMs);
  const { always, standby } = capacityOf(books, settings);
  const isStandby = settings.scaledBy === "standby";
  const most = isStandby ? always + standby.length : settings.max;
  const bounds = {
    min: Math.min(most, Math.max(settings.min, isStandby ? always : 0)),
    max: Math.min(most, settings.max),
  };
  const decision = tickScale(books.scale, {
    settings: { ...settings, ...bounds, max: Math.max(bounds.min, bounds.max) },
    active: activeIn(books.scale, settings, { always, most, nowMs }),
    out: outOfPool(books, openInstances(books), nowMs).out.length,
    cpu: cpuIn(books, nowMs),
    nowMs,
    pool,
  });
  if (decision !== undefined) holdBack(books, nowMs);
  return decision;
}

/** When the load is looked at next, epoch ms; Infinity where there is none and as few serve as may. */
export function nextScaleAtMs(books: RegistryBooks, { atRest, nowMs }: Moment): number {
  const settings = scalingOf(books);
  if (settings === undefined) return Number.POSITIVE_INFINITY;
  const { always, standby } = capacityOf(books, settings);
  const least = Math.max(settings.min, settings.scaledBy === "standby" ? always : 0);
  const isLeast = activeIn(books.scale, settings, { always, most: always + standby.length, nowMs }) <= least;
  return atRest && isLeast ? Number.POSITIVE_INFINITY : nextTickAtMs(books.scale, settings, nowMs);
}

/** `atRest`: no isolate is known of. */
type Moment = { readonly atRest: boolean; readonly nowMs: number };

/** As operators see it. */
export function describeScale(books: RegistryBooks, pool: string, nowMs: number): AutoscaleStatus | undefined {
  const settings = scalingOf(books);
  if (settings === undefined) return undefined;
  const { always, standby } = capacityOf(books, settings);
  const { scale, members, fleet } = books;
  return {
    pool,
    scaledBy: settings.scaledBy,
    min: settings.min,
    max: settings.max,
    active: openInstances(books).length,
    desired: activeIn(scale, settings, { always, most: always + standby.length, nowMs }),
    signals: scale.signals,
    standby: settings.standby.map((instanceId) => {
      const inFlight = fleet.totals.get(instanceId) ?? 0;
      const isHeld = members.held.has(instanceId) || members.closings.has(instanceId);
      return { instanceId, state: isHeld ? (inFlight > 0 ? "draining" : "standby") : "active", inFlight };
    }),
    decisions: scale.decisions,
  };
}

/** `always`: instances that are in whatever the load; `standby`: those that may be. */
function capacityOf({ roster, members: { closings } }: RegistryBooks, settings: ScaleSettings) {
  const present = new Set((roster?.instances ?? []).map(({ id }) => id).filter((id) => !closings.has(id)));
  const standby = settings.standby.filter((id) => present.has(id));
  return { always: present.size - standby.length, standby };
}

function inFlightIn({ fleet }: RegistryBooks): number {
  let total = 0;
  for (const requests of fleet.totals.values()) total += requests;
  return total;
}

/** The mean over the instances that serve and say it, by heartbeat or by probe; null where none does. */
function cpuIn(books: RegistryBooks, nowMs: number): number | null {
  const facts = verdictsNow(books.verdicts, nowMs);
  const { registrations } = books.members;
  const told = openInstances(books).flatMap(({ id }) => registrations.get(id)?.cpu ?? facts.get(id)?.cpu ?? []);
  return told.length === 0 ? null : told.reduce((total, cpu) => total + cpu, 0) / told.length;
}
