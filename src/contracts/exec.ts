// A command run for a user: what may be asked for, the states it goes through, and what is told of it (C05–C08, C19–C20).
// Said by the routes to the user's ExecResultStore object and back. Times are epoch ms.

import * as v from "valibot";
import { DAY_MS, durationMs } from "./bounded-count.ts";
import { JsonObject, strict } from "./strict-object.ts";

/** C61. */
const TIMEOUT_MS_DEFAULT = 30_000;
const TIMEOUT_MS_MAX = 300_000;
export const RESULTS_MAX = 100;
export const RESULT_TTL_MS = DAY_MS;

const COMMAND_BYTES_MAX = 65_536;
const ARGUMENTS_MAX = 1_000;
const ENV_ENTRIES_MAX = 1_000;
const ENV_NAME_MAX = 256;
const PATH_MAX = 1_024;

const ACTIVE = ["queued", "running"] as const;
const TERMINAL = ["succeeded", "failed", "timed_out", "cancelled", "lost"] as const;
export const ExecStatus = v.picklist([...ACTIVE, ...TERMINAL], `must be one of ${[...ACTIVE, ...TERMINAL].join(", ")}`);
export type ExecStatus = v.InferOutput<typeof ExecStatus>;
export type TerminalStatus = (typeof TERMINAL)[number];
export const isTerminal = (status: ExecStatus): status is TerminalStatus =>
  (TERMINAL as readonly ExecStatus[]).includes(status);

/** No system takes a NUL in an argument, a variable or a path; half a surrogate pair has no UTF-8 form. */
const Text = (bytesMax: number) =>
  v.pipe(
    v.string(),
    v.maxBytes(bytesMax, `must be at most ${bytesMax} bytes`),
    v.check((text) => !text.includes("\0"), "must not contain NUL"),
    v.check((text) => text.isWellFormed(), "must be well-formed Unicode"),
  );

const NonEmptyText = (bytesMax: number) => v.pipe(Text(bytesMax), v.nonEmpty("must not be empty"));

const Arguments = v.pipe(
  v.array(Text(COMMAND_BYTES_MAX)),
  v.minLength(1, "must name a program"),
  v.maxLength(ARGUMENTS_MAX, `must have at most ${ARGUMENTS_MAX} entries`),
  v.check(([program]) => program !== "", "must name a program"),
  v.check(
    (all) => new TextEncoder().encode(all.join("")).byteLength <= COMMAND_BYTES_MAX,
    `must be at most ${COMMAND_BYTES_MAX} bytes together`,
  ),
);

/** v.record would leave these out without a word. */
const UNRECORDED = ["__proto__", "constructor", "prototype"];

const Environment = v.pipe(
  JsonObject,
  v.check(
    (all) => !UNRECORDED.some((name) => Object.hasOwn(all, name)),
    `a name must not be one of ${UNRECORDED.join(", ")}`,
  ),
  v.record(
    v.pipe(
      v.string(),
      v.maxLength(ENV_NAME_MAX, `a name must be at most ${ENV_NAME_MAX} characters`),
      v.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "a name must be letters, digits and _, and not begin with a digit"),
    ),
    Text(COMMAND_BYTES_MAX),
  ),
  v.check((all) => Object.keys(all).length <= ENV_ENTRIES_MAX, `must have at most ${ENV_ENTRIES_MAX} entries`),
);

/** Told without asking the executor; that symbolic links lead nowhere else is checked where they are. */
const isInside = (path: string): boolean => {
  if (path.startsWith("/")) return false;
  let depth = 0;
  for (const part of path.split("/")) {
    if (part === "..") depth--;
    else if (part !== "" && part !== ".") depth++;
    if (depth < 0) return false;
  }
  return true;
};
const WorkingDir = v.pipe(
  NonEmptyText(PATH_MAX),
  v.check(isInside, "must be a relative path that stays in the user's folder"),
);

/** What an exec is known by, as clients may choose it. */
export const ExecId = v.pipe(
  v.string(),
  v.regex(
    /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/,
    "must be 1 to 64 letters, digits, - and _, beginning with a letter or digit",
  ),
);
const fields = {
  /** Run by `sh -c`, as given. */
  command: v.optional(NonEmptyText(COMMAND_BYTES_MAX)),
  /** Run as it is: passes no shell. */
  argv: v.optional(Arguments),
  timeout: v.optional(durationMs(1, TIMEOUT_MS_MAX), TIMEOUT_MS_DEFAULT),
  env: v.optional(Environment, {}),
  workingDir: v.optional(WorkingDir, "."),
  execId: v.optional(ExecId),
};

/** POST /api/super/users/{userId}/exec and …/exec-sync. */
export const ExecRequest = v.pipe(
  strict(fields),
  v.forward(
    v.check(({ command, argv }) => (command === undefined) !== (argv === undefined), "give either command or argv"),
    ["command"],
  ),
);
export type ExecRequest = v.InferOutput<typeof ExecRequest>;

/** What is to be run, whoever asked and however often. */
export type ExecOrder = {
  readonly command: string | readonly string[];
  readonly timeoutMs: number;
  readonly env: Readonly<Record<string, string>>;
  readonly workingDir: string;
};

/** ExecResultStore.submit. `digest` stands for the whole order: two calls with one key mean the same only if it is the same. */
export type SubmitExec = {
  readonly userId: string;
  readonly execId: string;
  readonly idempotencyKey?: string;
  readonly digest: string;
  readonly order: ExecOrder;
};

export type ExecAcceptance = { readonly execId: string; readonly status: ExecStatus };

/** All but the output. `argv` where no shell was asked for; `command` is its text for people then. */
export type ExecSummary = {
  readonly execId: string;
  readonly userId: string;
  readonly command: string;
  readonly argv?: readonly string[];
  readonly status: ExecStatus;
  readonly exitCode: number | null;
  readonly error: string | null;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly completedAt: number | null;
  /** Bytes kept of each stream. */
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
};

/** `truncated`: `stdout` and `stderr`, at most 64 KiB each, are not all that the command wrote. */
export type ExecResult = ExecSummary & {
  readonly stdout: string;
  readonly stderr: string;
  readonly truncated: boolean;
};

export type OutputStream = "stdout" | "stderr";

/** A piece of output; `seq` counts from 1 over both streams of an exec. */
export type OutputChunk = { readonly seq: number; readonly stream: OutputStream; readonly text: string };

/** ExecResultStore.follow: what came after `after`, waiting for it at most `waitMs`. */
export type FollowExec = { readonly execId: string; readonly after: number; readonly waitMs: number };

/** `more`: there is output beyond `chunks` already. `capped`: output beyond the cap was thrown away. */
export type ExecOutput = {
  readonly exec: ExecSummary;
  readonly chunks: readonly OutputChunk[];
  /** Of all output so far. */
  readonly lastSeq: number;
  readonly more: boolean;
  readonly capped: boolean;
};

/** Newest first; `before` continues below an exec's `createdAt`. */
export type ListExecs = { readonly status?: ExecStatus; readonly limit: number; readonly before?: number };
