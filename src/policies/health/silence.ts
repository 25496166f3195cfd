// Whether an instance has fallen silent: it accepts requests and answers none, while the pool's others do. Pure; asked only when a request
// has become overdue, never on the hot path.

/** A request that waits for response headers. Epoch ms. */
export type Waiting = {
  readonly sentAtMs: number;
  /** From when on that is unusual for its route. */
  readonly overdueAtMs: number;
};

/**
 * What a request that waits does next: it is told of as a failure and goes on to another instance if it may, or is told of and waits on, or
 * just waits.
 */
export type Fate = "goes-on" | "told" | "waits";

/** What an isolate has heard from an instance, and who waits for it. Epoch ms. */
export type Listening = {
  /** When something last came back. */
  readonly heardAtMs: number;
  /** When the latest of the requests that were answered was sent. */
  readonly provenAtMs: number;
  /** When it was last found silent; 0 once something has been heard again. */
  readonly silentAtMs: number;
  /** Those that have waited for a while; all that are overdue are among them. */
  readonly waiting: ReadonlySet<Waiting>;
};

/** `doubtful`: owes answers that are overdue, too few to be taken for dead. */
export type Silence = "alive" | "doubtful" | "silent";

/** One or two slow requests say nothing of their instance. */
const OVERDUE_MIN = 3;
/** Where others that do answer keep requests waiting as well, it takes more than so many times as many: such requests are usual there. */
const ELSEWHERE_TIMES = 2;

type SilenceFacts = {
  /** The whole pool; `suspect` among them. */
  readonly instances: readonly Listening[];
  /** Already found silent and not heard since, or put out by the registry: then one overdue request is enough. */
  readonly isKnown: boolean;
  readonly nowMs: number;
};

/** What is known of an instance that may want trials. */
export type Doubt = Pick<Listening, "silentAtMs"> & {
  readonly doubtful: boolean;
  /** Requests under way on it that nothing has come back since. */
  readonly unheard: number;
};

/** Whether it takes one more request to tell: the instance is doubtful, and those that wait could not show it silent if all became overdue. */
export const wantsTrial = ({ doubtful, silentAtMs, unheard }: Doubt): boolean =>
  doubtful && silentAtMs === 0 && unheard < OVERDUE_MIN;

export function judgeSilence(suspect: Listening, { instances, isKnown, nowMs }: SilenceFacts): Silence {
  const sentAtMs = [...suspect.waiting]
    .filter((one) => isUnheard(one, suspect) && one.overdueAtMs <= nowMs)
    .map((one) => one.sentAtMs)
    .toSorted((a, b) => a - b);
  const needed = isKnown ? 1 : OVERDUE_MIN;
  const latestNeededAtMs = sentAtMs[Math.min(needed, sentAtMs.length) - 1];
  if (latestNeededAtMs === undefined) return "alive";
  // Who was sent something later and has answered it shows that it is not the pool, nor the way to it.
  const answering = instances.filter((one) => one !== suspect && one.provenAtMs > latestNeededAtMs);
  if (answering.length === 0) return "alive";
  const mostElsewhere = Math.max(...answering.map((one) => countOverdue(one, nowMs)));
  if (sentAtMs.length <= ELSEWHERE_TIMES * mostElsewhere) return "alive";
  return sentAtMs.length >= needed ? "silent" : "doubtful";
}

/** Whether nothing has come back from its instance since it was sent. */
const isUnheard = ({ sentAtMs }: Waiting, { heardAtMs }: Pick<Listening, "heardAtMs">): boolean => sentAtMs > heardAtMs;

/** Of a request that waits for `suspect`, which has been judged. */
export function fateOf(
  waiting: Waiting,
  suspect: Pick<Listening, "heardAtMs" | "silentAtMs">,
  { silence, nowMs }: { readonly silence: Silence; readonly nowMs: number },
): Fate {
  const [isLate, isNew] = [waiting.overdueAtMs <= nowMs, isUnheard(waiting, suspect)];
  // Once nothing comes any more, those that were sent before the last that came have nothing to wait for either.
  if (suspect.silentAtMs > 0 && (isLate || (isNew && waiting.sentAtMs <= suspect.silentAtMs))) return "goes-on";
  return silence === "doubtful" && isLate && isNew ? "told" : "waits";
}

function countOverdue({ waiting }: Listening, nowMs: number): number {
  let overdue = 0;
  for (const { overdueAtMs } of waiting) if (overdueAtMs <= nowMs) overdue++;
  return overdue;
}
