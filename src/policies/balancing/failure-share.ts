// How much of what an instance was sent has failed of late: measured alike by an isolate for itself and by the registry for the fleet, since
// the worse of the two counts (health-gauge.ts).

import { FadingMean } from "./fading-mean.ts";

const FADE_MS = 10_000;
/** So many sound answers are taken for granted. */
const TAKEN_FOR_GRANTED = 2;

/** Hears 1 for a failure and 0 for an answer. */
export class FailureShare extends FadingMean {
  constructor() {
    super(FADE_MS);
  }

  /** 0 to 1. */
  at(nowMs: number): number {
    return this.shareAt(nowMs, TAKEN_FOR_GRANTED);
  }
}
