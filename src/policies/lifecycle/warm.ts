// Whether an instance that comes back may be sent requests, by what it answers to a probe.

import { isAnswer, type Probe } from "../health/probe-verdict.ts";

/** Where its pool is probed it must do as well as there; else it need not know what a probe asks for, but must not fail. */
export const isWarm = (probe: Probe, isProbed: boolean): boolean =>
  isAnswer(probe) || (!isProbed && probe.status !== undefined && probe.status < 500);
