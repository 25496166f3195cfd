// What a user's ExecResultStore object and whoever runs its commands say to each other. A run is one attempt, known by an id
// that is never used again. Every verb may be repeated: the executor runs an id once.
// An agent speaks it over HTTP (examples/agent/README.md); a container is spoken to by the platform.

/** `PUT /execs/{runId}`. Never begun after `notAfterMs`, by the executor's clock: an order that comes late is void. */
export type RunOrder = {
  readonly userId: string;
  /** A text for `sh -c`, or a program with its arguments. */
  readonly command: string | readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Relative to the user's folder. */
  readonly workingDir: string;
  readonly timeoutMs: number;
  /** Kept of each stream. */
  readonly outputBytesMax: number;
  readonly notAfterMs: number;
};

/** What ended a run that had begun: itself, its timeout, a cancellation, or the end of its executor. */
export type EndedBy = "itself" | "timeout" | "stop" | "shutdown";

/**
 * How a run stands. `unknown`: no record of it. `lost`: it was begun, and neither the process nor its exit code is there.
 * `rejected`: it was not begun and never will be. Epoch ms by the executor's clock.
 */
export type RunState =
  | { readonly state: "running"; readonly startedAtMs: number }
  | {
      readonly state: "ended";
      readonly startedAtMs: number;
      readonly endedAtMs: number;
      /** Null where it was killed. */
      readonly exitCode: number | null;
      readonly by: EndedBy;
    }
  | { readonly state: "lost" | "rejected"; readonly cause: string }
  | { readonly state: "unknown" };

/** Bytes of each stream that have come already. */
export type RunAsk = { readonly runId: string; readonly stdout: number; readonly stderr: number };

/** `POST /watch`: what is new of these runs, waiting for it at most `waitMs`. */
export type WatchCall = { readonly runs: readonly RunAsk[]; readonly waitMs: number };

/** Of runs with news only. A run is told to have ended with its last bytes, never before. */
export type RunNews = {
  readonly runId: string;
  readonly run: RunState;
  /** The bytes that follow those that have come, in base64, cut between characters. */
  readonly stdout: string;
  readonly stderr: string;
  /** More was written than `outputBytesMax`. */
  readonly capped: boolean;
};
export type WatchReply = { readonly runs: readonly RunNews[] };

/**
 * What became of a verb: an answer; it could not be done just now, but others may be; nobody answers, as to any other; or the key is
 * refused, which repeating does not mend.
 */
export type ExecutorAnswer<T> =
  | { readonly kind: "answer"; readonly value: T }
  | { readonly kind: "undone"; readonly cause: string }
  | { readonly kind: "silent"; readonly cause: string }
  | { readonly kind: "refused"; readonly cause: string };

export type Executor = {
  /** An executor that keeps no record calls `begin` and waits for it, before anything can have begun. */
  start(runId: string, order: RunOrder, begin: () => Promise<void>): Promise<ExecutorAnswer<RunState>>;
  /** Ends early when `signal` aborts, as silent. */
  watch(call: WatchCall, signal: AbortSignal): Promise<ExecutorAnswer<WatchReply>>;
  /** SIGTERM to the whole group, then SIGKILL. A run that is not known will never begin. */
  stop(runId: string): Promise<ExecutorAnswer<RunState>>;
  /** What is still running is killed, and everything about the run forgotten. */
  forget(runId: string): Promise<ExecutorAnswer<null>>;
};
