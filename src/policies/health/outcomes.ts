// What isolates have seen of each instance, told so that nothing counts twice: whatever is not known to have been heard is told again.
// Plain data, changed in place.

import type { LeaseCall, Outcome } from "../../contracts/registry.ts";

type Instances = readonly { readonly id: string }[];

/**
 * What an isolate last told of `instances`, to be taken off when it tells the same again. There is one for each isolate of the fleet, so it
 * is bare numbers: an instance's place, how often it `answered`, how often it `failed`, how long its answers took. Answers count too where
 * nothing has failed: told again, they would end a row that others have told of meanwhile.
 */
export type Told = { readonly since: number; readonly instances: Instances; readonly counts: Uint32Array };
const WIDTH = 4;

/** What is told of strangers need not be kept: it counts for nothing. */
export function keepTold({ since, outcomes }: Pick<LeaseCall, "since" | "outcomes">, instances: Instances): Told {
  const places = placesOf(instances);
  const counts = outcomes.flatMap(({ instanceId, answered, failed, answeredMs = 0 }) => {
    const place = places.get(instanceId);
    return place === undefined ? [] : [place, answered, failed, answeredMs];
  });
  return { since, instances, counts: Uint32Array.from(counts) };
}

/** Worked out once for each roster. */
const placesByInstances = new WeakMap<Instances, ReadonlyMap<string, number>>();

export function placesOf(instances: Instances): ReadonlyMap<string, number> {
  const known = placesByInstances.get(instances);
  if (known !== undefined) return known;
  const places = new Map(instances.map(({ id }, place) => [id, place]));
  placesByInstances.set(instances, places);
  return places;
}

/** What is new in this call. */
export function newOutcomes(
  { since, outcomes }: Pick<LeaseCall, "since" | "outcomes">,
  before: Told | undefined,
): Outcome[] {
  const heard = before?.since === since ? countsOf(before) : undefined;
  return outcomes.map(({ instanceId, answered, failed, failedLast, answeredMs = 0 }) => {
    const old = heard?.get(instanceId);
    return {
      instanceId,
      answered: Math.max(0, answered - (old?.answered ?? 0)),
      failed: Math.max(0, failed - (old?.failed ?? 0)),
      failedLast,
      ...timed(answeredMs - (old?.answeredMs ?? 0)),
    };
  });
}

type Heard = Required<Pick<Outcome, "answered" | "failed" | "answeredMs">>;

function countsOf({ instances, counts }: Told): ReadonlyMap<string, Heard> {
  const heard = new Map<string, Heard>();
  for (let at = 0; at < counts.length; at += WIDTH) {
    const [place = 0, answered = 0, failed = 0, answeredMs = 0] = counts.subarray(at, at + WIDTH);
    heard.set(instances[place]?.id ?? "", { answered, failed, answeredMs });
  }
  return heard;
}

/** Left out where nothing took any time. */
const timed = (ms: number): Pick<Outcome, "answeredMs"> => (ms > 0 ? { answeredMs: ms } : {});

/** An isolate's own counts of one instance since the registry last answered. */
export class OutcomeCount {
  #answered = 0;
  #failed = 0;
  #failedLast = 0;
  #answeredMs = 0;

  /** After `ms`. */
  answer(ms = 0): void {
    this.#answered++;
    this.#answeredMs += ms;
    this.#failedLast = 0;
  }

  fail(): void {
    this.#failed++;
    this.#failedLast++;
  }

  get isEmpty(): boolean {
    return this.#answered + this.#failed === 0;
  }

  get hasFailed(): boolean {
    return this.#failed > 0;
  }

  tell(instanceId: string): Outcome {
    const counts = { answered: this.#answered, failed: this.#failed, failedLast: this.#failedLast };
    return { instanceId, ...counts, ...timed(Math.round(this.#answeredMs)) };
  }

  /** The registry has heard this much. Failures after the last answer are the next report's. */
  forget({ answered, failed, answeredMs = 0 }: Outcome): void {
    this.#answeredMs = Math.max(0, this.#answeredMs - answeredMs);
    this.#answered = Math.max(0, this.#answered - answered);
    this.#failed = Math.max(0, this.#failed - failed);
    this.#failedLast = Math.min(this.#failedLast, this.#failed);
  }
}
