// Keeps isolates in the state they have under a lasting load: each has read every session, and none so long ago that it would
// have to ask before it answers. A load that comes and goes in windows would otherwise measure its own pauses.

import { setTimeout as delay } from "node:timers/promises";
import { PATHS } from "./bench-document.ts";
import type { BenchPlane } from "./bench-plane.ts";
import { visitWithAll } from "./bench-sessions.ts";

/** The earliest age from which on an isolate reads a session before it answers for it; under lasting load it has done so long before. */
const UNREAD_MS_MAX = 1_800_000;
const WINDOW_MS = 60_000;
const MARGIN_MS = 1_000;

export class SeenSessions {
  readonly #plane: BenchPlane;
  readonly #cookies: readonly string[];
  /** Port → when its isolate began to read all sessions. */
  readonly #seenAt = new Map<number, number>();

  constructor(plane: BenchPlane, cookies: readonly string[]) {
    this.#plane = plane;
    this.#cookies = cookies;
  }

  /** Returns when the isolates on `ports` know every session and will for the next minute. */
  async ensure(ports: readonly number[]): Promise<void> {
    const due = ports.filter((port) => Date.now() >= this.#unreadAt(port) - WINDOW_MS);
    if (due.length === 0) return;
    // Earlier than that, what is remembered would just be used again.
    await delay(Math.max(0, Math.max(...due.map((port) => this.#unreadAt(port))) + MARGIN_MS - Date.now()));
    for (const port of due) this.#seenAt.set(port, Date.now());
    await visitWithAll({ pid: this.#plane.pid, ports: due, path: PATHS.leastConnections, cookies: this.#cookies });
  }

  /** The distant past for an isolate that has seen none. */
  #unreadAt(port: number): number {
    return (this.#seenAt.get(port) ?? Number.NEGATIVE_INFINITY) + UNREAD_MS_MAX;
  }
}
