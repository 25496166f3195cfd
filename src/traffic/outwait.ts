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

type Wait = {
  readonly hold: Hold;
  readonly ctx: Lifetime;
  /** Ms from when it was sent. */
  readonly waitMs: number;
  /** From when on waiting is unusual, ms from when it was sent; undefined where that would say nothing of the instance. */
  readonly overdueAfterMs: number | undefined;
  readonly mayGoOn: boolean;
};

/** Calls `reject`, at most once, with DeadlineExceeded or InstanceSilent. Returns what ends the wait; until then the request is kept alive. */
export function outwait(wait: Wait, reject: (error: Error) => void): () => void {
  const { hold, ctx, waitMs, overdueAfterMs, mayGoOn } = wait;
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  // The client may leave, and the instance is still given back once this is over.
  ctx.waitUntil(ended);
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
    const times = { sentAtMs, overdueAtMs: sentAtMs + overdueAfterMs, endsAtMs: sentAtMs + waitMs };
    hold.wait({ ...times, isTold: false, goOn });
  }
  return () => {
    clearTimeout(timer);
    hold.endWait();
    end();
  };
}
