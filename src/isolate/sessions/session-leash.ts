// Ties one relayed WebSocket to its session: a second WebSocket, to the Session object, which closes it when the session ends.
// While it is broken the session is asked again and again, and the revocation log stands in. One request's own; never shared.

import { ok, type Result, refuse } from "../../contracts/refusals.ts";
import type { SessionSnapshot } from "../../contracts/session.ts";
import { withDeadline } from "../../deadline.ts";
import { log } from "../../log.ts";
import { callSession } from "../../objects.ts";
import { activityEveryMs, retieDelayMs, UNTIED_MS_MAX } from "../../policies/sessions/leash-timing.ts";
import { type Close, RECONNECT, SESSION_ENDED } from "../../policies/streams/close-code.ts";
import type { Lifetime } from "../lifetime.ts";
import { hasChangedSince } from "./session-snapshots.ts";

export type Tying = { readonly env: Env; readonly ctx: Lifetime; readonly session: SessionSnapshot };

/** How long a handshake waits for its session. */
const OPEN_MS_MAX = 5_000;
/** While the leash is broken: the log has to be looked at every second. */
const RETIE_WAIT_MS = 500;
const LOG_FRESHNESS_MS = 500;

export class SessionLeash {
  readonly #tying: Tying;
  readonly #cut = Promise.withResolvers<Close>();
  readonly #activityEveryMs: number;
  #activityDueAtMs: number;
  #socket: WebSocket | undefined;
  #isOver = false;

  private constructor(tying: Tying, socket: WebSocket) {
    this.#tying = tying;
    this.#activityEveryMs = activityEveryMs(tying.session);
    this.#activityDueAtMs = Date.now() + this.#activityEveryMs;
    this.#hold(socket);
  }

  /** Counts as activity. Refuses unauthenticated when the session is over, object_unavailable when nobody can tell. */
  static async open(tying: Tying): Promise<Result<SessionLeash>> {
    try {
      const socket = await tie(tying, OPEN_MS_MAX);
      return socket === undefined ? refuse("unauthenticated") : ok(new SessionLeash(tying, socket));
    } catch (error) {
      log("warn", "session not leashed", { session: tying.session.name, cause: String(error) });
      return refuse("object_unavailable");
    }
  }

  /** Resolves when what is tied must end, and says how; never where it was let go before. */
  get cut(): Promise<Close> {
    return this.#cut.promise;
  }

  /** The session's user was seen; told every now and then. */
  active(nowMs: number): void {
    if (nowMs < this.#activityDueAtMs || this.#socket?.readyState !== WebSocket.READY_STATE_OPEN) return;
    this.#activityDueAtMs = nowMs + this.#activityEveryMs;
    this.#socket.send("active");
  }

  /** Any time after the first does nothing. */
  letGo(): void {
    this.#isOver = true;
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close(1000);
  }

  #hold(socket: WebSocket): void {
    this.#socket = socket;
    socket.accept();
    socket.addEventListener("close", ({ code }) => this.#onEnd(socket, code));
    socket.addEventListener("error", () => this.#onEnd(socket, undefined));
  }

  #onEnd(socket: WebSocket, code: number | undefined): void {
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    if (code === SESSION_ENDED.code) this.#end(SESSION_ENDED);
    else this.#tying.ctx.waitUntil(this.#retie(Date.now()));
  }

  #end(close: Close): void {
    this.#isOver = true;
    this.#cut.resolve(close);
  }

  /** The object has restarted, or cannot be reached. */
  async #retie(brokenAtMs: number): Promise<void> {
    const { env, ctx, session } = this.#tying;
    for (let attempt = 0; Date.now() - brokenAtMs < UNTIED_MS_MAX; attempt++) {
      await scheduler.wait(retieDelayMs(attempt, Math.random()));
      if (this.#isOver) return;
      const tied = await this.#tryToTie();
      if (this.#isOver || tied === "tied") return;
      if (tied === "over") {
        this.#end(SESSION_ENDED);
        return;
      }
      const access = { env, ctx, nowMs: Date.now() };
      if (await hasChangedSince(session.name, brokenAtMs, { access, freshnessMs: LOG_FRESHNESS_MS })) break;
    }
    log("warn", "leash lost", { session: session.name });
    this.#end(RECONNECT);
  }

  async #tryToTie(): Promise<"tied" | "over" | "unknown"> {
    try {
      const socket = await tie(this.#tying, RETIE_WAIT_MS);
      if (socket === undefined) return "over";
      this.#hold(socket);
      if (this.#isOver) this.letGo();
      return "tied";
    } catch {
      return "unknown";
    }
  }
}

/** Undefined when the session is over. Rejects when it can't be asked. */
async function tie({ env, session }: Tying, waitMs: number): Promise<WebSocket | undefined> {
  const asking = callSession(env, session.name, (object) =>
    object.fetch(new Request("https://session/leash", { headers: { Upgrade: "websocket" } })),
  );
  const { status, webSocket } = await withDeadline(asking, waitMs).catch((error) => {
    asking.then(drop, () => undefined);
    throw error;
  });
  if (webSocket !== null) return webSocket;
  if (status === 404) return undefined;
  throw new Error(`the session answered ${status}`);
}

/** It came too late: nobody holds it, and its session need not close it. */
function drop({ webSocket }: Response): void {
  webSocket?.accept();
  webSocket?.close(1000);
}
