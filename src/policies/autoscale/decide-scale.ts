// How many instances a pool needs now, and why. Two windows, as in Knative's autoscaler: over the stable one instances follow the load; where
// the short one shows a load that is far too much for those there are, they are added at once and none is given back (panic). Pure.

import type { ScaleReason, ScaleSettings, ScaleSignals } from "../../contracts/autoscale.ts";
import type { LoadAverage } from "./load-meter.ts";

/** Panic: so many times the instances there are would be needed. */
const PANIC_TIMES = 2;
/** Slow answers and errors are the load's fault only where there is some: that share of what instances are meant to bear. */
const LOADED_SHARE = 0.5;
/** Fewer requests say nothing of errors. */
const REQUESTS_MIN = 20;
/** Where all is answered in a few ms, twice that is noise. */
const NOTICEABLE_MS = 50;
const UP_TIMES_MAX = 2;
/** Given back at one time, at most. */
const DOWN_SHARE_MAX = 0.5;

export type ScaleFacts = {
  readonly settings: ScaleSettings;
  /** Instances that serve, or are asked to. */
  readonly active: number;
  /** Of those, how many can't be sent to just now: others have to do their work. */
  readonly out: number;
  readonly stable: LoadAverage;
  readonly panic: LoadAverage;
  /** What answers take while there is little to do. */
  readonly usualMs: number | null;
  /** Whether enough time has passed since the last change to see what it did. */
  readonly hasSettled: boolean;
  readonly wasPanic: boolean;
};

/** `want` before any delay, within the pool's bounds; `isPanic`: begins or goes on here. */
export type ScaleWish = {
  readonly want: number;
  readonly reason: ScaleReason;
  readonly why: string;
  readonly isPanic: boolean;
  readonly signals: ScaleSignals;
};

export function decideScale(facts: ScaleFacts): ScaleWish {
  const { settings, active, panic } = facts;
  const isPanic = panic.inFlight >= PANIC_TIMES * Math.max(1, active) * settings.target.inFlight;
  const inPanic = isPanic || facts.wasPanic;
  const wishes = [...byLoad(facts, inPanic), ...byCpu(facts), ...bySymptoms(facts)];
  const most = wishes.reduce((best, one) => (one.want > best.want ? one : best));
  const want = Math.min(settings.max, Math.max(settings.min, most.want));
  return {
    want,
    reason: reasonFor(want, most, active),
    why: most.why,
    isPanic,
    signals: signalsOf(facts, inPanic),
  };
}

function reasonFor(want: number, most: Wish, active: number): ScaleReason {
  if (want < active) return "quiet";
  return want > most.want ? "bounds" : most.reason;
}

type Wish = { readonly want: number; readonly reason: ScaleReason; readonly why: string };

/** Those that are out can bear nothing: others are needed in their place. */
function byLoad(facts: ScaleFacts, inPanic: boolean): Wish[] {
  const { settings, panic, stable, active, out } = facts;
  const neededFor = ({ inFlight }: LoadAverage): number =>
    Math.max(settings.min, Math.ceil(roundOff(inFlight / settings.target.inFlight))) + out;
  const stably = {
    want: neededFor(stable),
    reason: "load",
    why: loadText(stable, settings),
  } as const;
  // What the last seconds took is not given away, though it may be too short to bring anybody.
  if (!inPanic) return [stably, { ...stably, want: Math.min(active, neededFor(panic)) }];
  return [
    stably,
    { want: neededFor(panic), reason: "panic", why: loadText(panic, settings) },
    { want: active, reason: "panic", why: "none is given back in panic" },
  ];
}

/** Told late, so that what the last change did has to show before it counts again: else each tick would answer the same load once more. */
function byCpu({ settings, active, panic: { cpu }, hasSettled }: ScaleFacts): Wish[] {
  if (cpu === null) return [];
  const want = hasSettled ? Math.ceil(roundOff((active * cpu) / settings.target.cpu)) : active;
  const why = `${percent(cpu)} of the processors in use, ${percent(settings.target.cpu)} wanted`;
  return [{ want, reason: "cpu", why }];
}

/** Slow answers and errors call for one more instance, and only under load: a pool that fails for another reason gains nothing by more of it. */
function bySymptoms({ settings, active, panic, usualMs, hasSettled }: ScaleFacts): Wish[] {
  const { latencyTimes, errorShare, inFlight } = settings.target;
  const isLoaded = panic.inFlight >= LOADED_SHARE * inFlight * active;
  const want = isLoaded && hasSettled ? active + 1 : active;
  const wishes: Wish[] = [];
  if (panic.errorShare !== null && panic.requests >= REQUESTS_MIN && panic.errorShare >= errorShare) {
    const cause = isLoaded ? "" : ", but there is too little to do for more instances to help";
    wishes.push({ want, reason: "errors", why: `${percent(panic.errorShare)} of the requests fail${cause}` });
  }
  if (isLoaded && isSlow(panic.latencyMs, usualMs, latencyTimes)) {
    const why = `answers take ${Math.round(panic.latencyMs ?? 0)} ms, usually ${Math.round(usualMs ?? 0)} ms`;
    wishes.push({ want, reason: "latency", why });
  }
  return wishes;
}

const isSlow = (ms: number | null, usualMs: number | null, times: number): boolean =>
  ms !== null && usualMs !== null && ms >= NOTICEABLE_MS && ms > times * usualMs;

/** What is usual, from what was measured while no instance had much to do; ms. */
export function usualAfter(
  before: number | null,
  { latencyMs, inFlight }: Pick<LoadAverage, "latencyMs" | "inFlight">,
  { settings, active }: Pick<ScaleFacts, "settings" | "active">,
): number | null {
  if (latencyMs === null || inFlight > LOADED_SHARE * settings.target.inFlight * active) return before;
  return before === null ? latencyMs : before + (latencyMs - before) / USUAL_OVER;
}
const USUAL_OVER = 32;

/** Sums of fractions are a little more than they should be now and then. */
const roundOff = (needed: number): number => needed - 1e-9;

/**
 * What of it may be had at one time: never more than twice as many as there are, nor less than half. What was `asked` for before and has not
 * come is asked for again whole: less would take back what may be under way.
 */
export const stepTowards = (want: number, active: number, asked: number): number =>
  want > active
    ? Math.min(want, Math.max(active + 1, active * UP_TIMES_MAX, asked))
    : Math.max(want, Math.min(Math.ceil(active * DOWN_SHARE_MAX), asked));

const signalsOf = ({ stable, panic, usualMs }: ScaleFacts, isPanic: boolean): ScaleSignals => ({
  inFlight: { stable: rounded(stable.inFlight), panic: rounded(panic.inFlight) },
  latencyMs: panic.latencyMs === null ? null : rounded(panic.latencyMs),
  usualMs: usualMs === null ? null : rounded(usualMs),
  errorShare: panic.errorShare === null ? null : rounded(panic.errorShare),
  cpu: stable.cpu === null ? null : rounded(stable.cpu),
  isPanic,
});

const rounded = (value: number): number => Math.round(value * 1_000) / 1_000;
const percent = (value: number): string => `${Math.round(value * 100)} %`;
const loadText = ({ inFlight }: LoadAverage, { target }: ScaleSettings): string =>
  `${rounded(inFlight)} requests in flight, ${target.inFlight} per instance wanted`;
