// What a slow try waits for, in its request's own context: its deadline, and whether its instance has fallen silent. Called by send.

import { DeadlineExceeded } from "../deadline.ts";
import type { Lifetime } from "../isolate/lifetime.ts";
import type { Hold } from "./hold.ts";

/** The instance answers nobody while the pool's others do. It has been told of, and the next try is paid for. */
export class InstanceSilent extends Error {
  constructor() {
    super("no answer, while other instances answer");
  }
}

export type Patience = {
  readonly hold: Hold;
  readonly ctx: Lifetime;
  /** Ms from when it was sent. */
  readonly waitMs: number;
  /** From when on waiting is unusual, ms from when it was sent; undefined where that would say nothing of the instance. */
  readonly overdueAfterMs: number | undefined;
  readonly mayGoOn: boolean;
};

/** Calls `reject`, at most once, with DeadlineExceeded or InstanceSilent. Returns what ends the wait. */
export function outwait(patience: Patience, reject: (error: Error) => void): () => void {
  const { hold, ctx, waitMs, overdueAfterMs, mayGoOn } = patience;
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** Once it is overdue it asks ever more seldom: others may have answered only since. */
  const sleepUntil = (afterMs: number): void => {
    const isLast = afterMs >= waitMs;
    const wake = () => {
      if (isLast) return reject(new DeadlineExceeded(waitMs));
      sleepUntil(2 * afterMs);
      hold.overdue(ctx);
    };
    timer = setTimeout(wake, Math.max(0, hold.sentAtMs + Math.min(waitMs, afterMs) - Date.now()));
  };
  sleepUntil(overdueAfterMs ?? waitMs);
  if (overdueAfterMs !== undefined) {
    const goOn = mayGoOn ? () => reject(new InstanceSilent()) : undefined;
    const { sentAtMs } = hold;
    hold.wait({ sentAtMs, overdueAtMs: sentAtMs + overdueAfterMs, isTold: false, goOn });
  }
  return () => {
    clearTimeout(timer);
    hold.endWait();
  };
}
