// What isolates and a pool's registry say to each other of the pool's circuit breaker, and what operators are told of it.

/** A pool's `breaker` with its defaults. */
export type BreakerSettings = {
  /** Of the requests in the window, 0 to 1: so many failures open the circuit. */
  readonly failureShare: number;
  /** Fewer requests in the window than these say nothing. */
  readonly minRequests: number;
  readonly windowMs: number;
  /** How long it stays open the first time; twice as long each time a trial fails. */
  readonly openMs: number;
  /** Requests let through to try the pool; all must be answered before it closes. */
  readonly trials: number;
};

export type BreakerState = "closed" | "open" | "half-open";

/** What isolates hear while not every request passes: for how long they refuse without asking, counted from before they asked, ms. */
export type BreakerNotice = { readonly state: "open" | "half-open"; readonly forMs: number };

/** `unused`: it was not sent, or what became of it says nothing of the pool. */
export type TrialVerdict = "pending" | "answered" | "failed" | "unused";
/** A trial is named by the isolate it was granted to and that isolate's call which was answered with it. */
export type TrialReport = readonly [callId: number, verdict: TrialVerdict];

/** `times`: how often in a row it has opened; `untilMs`: of one that opened, when trials begin. Epoch ms. `why` is for people. */
export type BreakerTransition = {
  readonly from: BreakerState;
  readonly to: BreakerState;
  readonly atMs: number;
  readonly times: number;
  readonly untilMs: number;
  readonly why: string;
};

/** In /balancer/status: `forMs` until trials begin; transitions the newest first. */
export type BreakerStatus = {
  readonly state: BreakerState;
  readonly forMs: number;
  readonly times: number;
  /** While closed: what the window holds. */
  readonly window: { readonly answered: number; readonly failed: number };
  /** While half-open. */
  readonly trials: { readonly out: number; readonly answered: number; readonly max: number };
  readonly transitions: readonly BreakerTransition[];
};
