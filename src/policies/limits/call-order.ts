// Which calls to a shard are copies of calls it has served, or were overtaken by later ones of the same isolate: nobody waits for what
// they ask for any more. Forgotten with the object: what is granted to a copy then lapses.

import type { LimiterCall } from "../../contracts/limits.ts";

/** Beyond this the isolate that called longest ago is forgotten. */
const ISOLATES_MAX = 10_000;

type Call = Pick<LimiterCall, "isolateId" | "callId">;

export class CallOrder {
  readonly #latest = new Map<string, number>();

  isRepeated({ isolateId, callId }: Call): boolean {
    return callId <= (this.#latest.get(isolateId) ?? 0);
  }

  /** Once it has been served: a call that failed may be made again. */
  note({ isolateId, callId }: Call): void {
    const latest = this.#latest.get(isolateId) ?? 0;
    this.#latest.delete(isolateId);
    this.#latest.set(isolateId, Math.max(latest, callId));
    const [oldest] = this.#latest.keys();
    if (this.#latest.size > ISOLATES_MAX && oldest !== undefined) this.#latest.delete(oldest);
  }
}
