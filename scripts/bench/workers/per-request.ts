// The design without leases: every request asks a session, a limiter, a registry and a metrics object and waits for each.
// Two of the four write a row. Kept as cheap as that design allows: no cookie is verified, nothing is released.

import { DurableObject } from "cloudflare:workers";
import { type Identity, sentHeaders, sessionValueOf } from "./sent-headers.ts";

const WINDOW_MS = 3_600_000;
const INSTANCES = ["BENCH_1", "BENCH_2", "BENCH_3", "BENCH_4"] as const;
type Instance = (typeof INSTANCES)[number];

type PerRequestEnv = { readonly [binding in Instance]: Fetcher } & {
  readonly SESSION_RECORD: DurableObjectNamespace<SessionRecord>;
  readonly LIMIT_WINDOW: DurableObjectNamespace<LimitWindow>;
  readonly INSTANCE_ROSTER: DurableObjectNamespace<InstanceRoster>;
  readonly REQUEST_TALLY: DurableObjectNamespace<RequestTally>;
};

/** One per session: its row is made when it is first asked for, and read ever after. */
export class SessionRecord extends DurableObject<object> {
  constructor(ctx: DurableObjectState, env: object) {
    super(ctx, env);
    ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS session (user_id TEXT NOT NULL, username TEXT NOT NULL)");
    // Waking up must cost no commit once the row is there.
    const { rows } = ctx.storage.sql.exec<{ rows: number }>("SELECT count(*) AS rows FROM session").one();
    if (rows === 0) ctx.storage.sql.exec("INSERT INTO session VALUES ('user-1', 'user-1')");
  }

  read(): Identity {
    const { user_id, username } = this.ctx.storage.sql
      .exec<{ user_id: string; username: string }>("SELECT user_id, username FROM session")
      .one();
    return { userId: user_id, username };
  }
}

/** One for all: a fixed window per key, one row written per request. */
export class LimitWindow extends DurableObject<object> {
  constructor(ctx: DurableObjectState, env: object) {
    super(ctx, env);
    ctx.storage.sql.exec(
      "CREATE TABLE IF NOT EXISTS spent (key TEXT, window INTEGER, count INTEGER, PRIMARY KEY (key, window)) WITHOUT ROWID",
    );
  }

  admit(key: string, nowMs: number): boolean {
    const { count } = this.ctx.storage.sql
      .exec<{ count: number }>(
        "INSERT INTO spent VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1 RETURNING count",
        key,
        Math.floor(nowMs / WINDOW_MS),
      )
      .one();
    return count < Number.MAX_SAFE_INTEGER;
  }
}

/** One for all: decides in memory. */
export class InstanceRoster extends DurableObject<object> {
  #turn = 0;

  pick(): Instance {
    this.#turn = (this.#turn + 1) % INSTANCES.length;
    return INSTANCES[this.#turn] ?? INSTANCES[0];
  }
}

/** One for all: one row written per request. */
export class RequestTally extends DurableObject<object> {
  constructor(ctx: DurableObjectState, env: object) {
    super(ctx, env);
    ctx.storage.sql.exec(
      "CREATE TABLE IF NOT EXISTS tally (instance TEXT, status INTEGER, requests INTEGER, ms INTEGER, PRIMARY KEY (instance, status)) WITHOUT ROWID",
    );
  }

  record(instance: string, status: number, ms: number): void {
    this.ctx.storage.sql.exec(
      "INSERT INTO tally VALUES (?, ?, 1, ?) ON CONFLICT DO UPDATE SET requests = requests + 1, ms = ms + excluded.ms",
      instance,
      status,
      ms,
    );
  }
}

export default {
  async fetch(request, env) {
    const startedAt = Date.now();
    const id = crypto.randomUUID();
    const identity = await env.SESSION_RECORD.getByName(sessionValueOf(request)).read();
    if (!(await env.LIMIT_WINDOW.getByName("all").admit(identity.userId, startedAt)))
      return new Response(null, { status: 429 });
    const instance = await env.INSTANCE_ROSTER.getByName("all").pick();
    const { method, body } = request;
    const answer = await env[instance].fetch(request.url, {
      method,
      headers: sentHeaders(request, id, identity),
      body,
      redirect: "manual",
    });
    await env.REQUEST_TALLY.getByName("all").record(instance, answer.status, Date.now() - startedAt);
    const response = new Response(answer.body, answer);
    response.headers.set("X-Request-Id", id);
    return response;
  },
} satisfies ExportedHandler<PerRequestEnv>;
