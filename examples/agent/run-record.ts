// What is said about runs over HTTP and kept of them on disk. The plane has the same types in src/contracts/executor.ts:
// an agent is deployed by itself, so it imports nothing of the plane.

export type RunOrder = {
  readonly userId: string;
  readonly command: string | readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly workingDir: string;
  readonly timeoutMs: number;
  readonly outputBytesMax: number;
  readonly notAfterMs: number;
};

const STOP_REASONS = ["timeout", "stop", "shutdown"] as const;
export type StopReason = (typeof STOP_REASONS)[number];

/** How a run stands, for whoever asks. */
export type RunState =
  | { readonly state: "running"; readonly startedAtMs: number }
  | {
      readonly state: "ended";
      readonly startedAtMs: number;
      readonly endedAtMs: number;
      readonly exitCode: number | null;
      readonly by: "itself" | StopReason;
    }
  | { readonly state: "lost" | "rejected"; readonly cause: string }
  | { readonly state: "unknown" };

export type RunAsk = { readonly runId: string; readonly stdout: number; readonly stderr: number };
export type RunNews = {
  readonly runId: string;
  readonly run: RunState;
  readonly stdout: string;
  readonly stderr: string;
  readonly capped: boolean;
};

/** On disk before the command begins. Its environment may hold secrets and isn't needed again, so it isn't written. */
export type RunRecord = Pick<RunOrder, "userId" | "timeoutMs" | "outputBytesMax"> & { readonly startedAtMs: number };

const RUN_ID = /^[A-Za-z0-9-]{1,64}$/;
/** Also a folder's name, so never `.` or `..`. */
const USER_ID = /^[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}$/;

export const isRunId = (text: string): boolean => RUN_ID.test(text);

export function isRunOrder(value: unknown): value is RunOrder {
  if (typeof value !== "object" || value === null) return false;
  const { userId, command, env, workingDir, timeoutMs, outputBytesMax, notAfterMs } = value as Partial<RunOrder>;
  return (
    typeof userId === "string" &&
    USER_ID.test(userId) &&
    (isArgument(command) || (Array.isArray(command) && command.length > 0 && command.every(isArgument))) &&
    typeof env === "object" &&
    env !== null &&
    Object.entries(env).every(([name, text]) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && isArgument(text)) &&
    isArgument(workingDir) &&
    [timeoutMs, outputBytesMax, notAfterMs].every(isPositive)
  );
}

export const isStopReason = (text: string | undefined): text is StopReason =>
  (STOP_REASONS as readonly (string | undefined)[]).includes(text);

export function isRunRecord(value: unknown): value is RunRecord {
  if (typeof value !== "object" || value === null) return false;
  const { userId, timeoutMs, outputBytesMax, startedAtMs } = value as Partial<RunRecord>;
  return typeof userId === "string" && [timeoutMs, outputBytesMax, startedAtMs].every(isPositive);
}

export function isRunAsk(value: unknown): value is RunAsk {
  if (typeof value !== "object" || value === null) return false;
  const { runId, stdout, stderr } = value as Partial<RunAsk>;
  const isOffset = (number: unknown): boolean => Number.isSafeInteger(number) && Number(number) >= 0;
  return typeof runId === "string" && isRunId(runId) && isOffset(stdout) && isOffset(stderr);
}

const isArgument = (value: unknown): boolean => typeof value === "string" && !value.includes("\0");
const isPositive = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) > 0;
