// How many of a pool's requests have failed of late, over the whole fleet: a rolling window in ten steps, so that it holds ten pairs of numbers
// however many requests there are. Plain data, changed in place; the clock comes in.

type Step = { readonly at: number; answered: number; failed: number };
/** The latest step last. */
export type FailureWindow = Step[];
type Counts = { readonly answered: number; readonly failed: number };

/** The oldest step leaves whole: what is counted is between nine tenths of the window and all of it. */
const STEPS = 10;

export function countOutcomes(window: FailureWindow, counts: Counts, moment: Moment): void {
  const at = stepAt(moment);
  dropOutside(window, at);
  const last = window.at(-1);
  const step = last?.at === at ? last : { at, answered: 0, failed: 0 };
  if (step !== last) window.push(step);
  step.answered += counts.answered;
  step.failed += counts.failed;
}

export function countsIn(window: FailureWindow, moment: Moment): Counts {
  dropOutside(window, stepAt(moment));
  let answered = 0;
  let failed = 0;
  for (const step of window) {
    answered += step.answered;
    failed += step.failed;
  }
  return { answered, failed };
}

type Moment = { readonly nowMs: number; readonly windowMs: number };

const stepAt = ({ nowMs, windowMs }: Moment): number => Math.floor((nowMs * STEPS) / windowMs);

/** What lies ahead was counted on a clock that has stepped back since. */
function dropOutside(window: FailureWindow, at: number): void {
  while (window.length > 0 && (window.at(-1)?.at ?? at) > at) window.pop();
  while (window.length > 0 && (window[0]?.at ?? at) <= at - STEPS) window.shift();
}
