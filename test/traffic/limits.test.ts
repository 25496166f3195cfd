// Limits as a visitor meets them: what a refusal says, which limits count a request and by which key, and what they leave alone.

import { beforeAll, describe, expect, it } from "vitest";
import { captureLines } from "../captured-lines.ts";
import { type Answer, configure, configureExactly, jsonOf, open, type Sent, send, sendAsAdmin } from "../http/send.ts";

const MINUTE_MS = 60_000;
/** What a token may count beyond its window: a hundredth of it, and the time its lease runs until the shard hears that it was spent. */
const BEYOND_S = 4;
const perMinute = (limit: number, key: string, more: object = {}) => ({ key, limit, windowMs: MINUTE_MS, ...more });

/** Limit → the route of the same name that stands under it alone. */
const LIMITS = {
  two: perMinute(2, "ip"),
  sends: perMinute(1, "ip"),
  paged: perMinute(1, "ip"),
  told: perMinute(3, "ip", { headers: true }),
  costly: perMinute(10, "ip", { cost: 4, headers: true }),
  own: perMinute(3, "ip"),
  ip: perMinute(1, "ip"),
  user: perMinute(1, "user"),
  session: perMinute(1, "session"),
  repository: perMinute(1, "repository"),
  route: perMinute(1, "route"),
  header: perMinute(1, "header:x-tenant"),
  both: perMinute(1, "header:x-tenant+repository"),
  inherited: perMinute(1, "header:constructor"),
  deny: perMinute(1, "header:x-tenant", { onMissingKey: "deny" }),
  "deny-user": perMinute(1, "user", { onMissingKey: "deny" }),
  fallback: perMinute(1, "header:x-tenant", { onMissingKey: "fallback" }),
  skip: perMinute(1, "header:x-tenant", { onMissingKey: "skip" }),
  tiered: perMinute(1, "header:x-tenant", { overrides: { "team-*": { limit: 2 }, "team-a": { limit: 3 } } }),
  shadow: perMinute(1, "ip", { shadow: true }),
  explained: perMinute(1, "ip"),
  first: perMinute(5, "ip"),
  second: perMinute(5, "ip"),
  third: perMinute(1, "ip"),
  once: perMinute(1, "ip"),
  plenty: perMinute(100_000, "ip"),
  "plenty-told": perMinute(100_000, "ip", { headers: true }),
  few: perMinute(3, "ip"),
  slot: { key: "ip", concurrency: 1, leaseMs: 3_000 },
};
const route = (id: string, more: object = {}) => ({ id, path: `/${id}/*`, pool: "app", ...more });

const DOCUMENT = {
  configFreshnessMs: 50,
  pools: {
    app: { instances: [{ id: "app", binding: "AUTH_APP" }] },
    apart: { instances: [{ id: "apart", binding: "CONSOLE_APP" }] },
    open: { exposed: true, instances: [{ id: "open", binding: "PROFILE_APP" }] },
  },
  limits: { ...LIMITS, general: perMinute(2, "ip") },
  routes: [
    ...Object.keys(LIMITS).map((name) => route(name, { limits: [name] })),
    route("unnamed"),
    route("unlimited", { limits: [] }),
    route("all-three", { limits: ["first", "second", "third"] }),
    route("plenty-then-few", { limits: ["plenty", "few"] }),
    route("slot-then-once", { limits: ["slot", "once"] }),
    route("once-then-slot", { limits: ["once", "slot"] }),
    route("apart", { pool: "apart", limits: ["sends"] }),
    route("apart-free", { pool: "apart", limits: [] }),
  ],
};

beforeAll(() => configure(DOCUMENT));

const lines = captureLines();

/** Requests one after another, so many that tokens are lent in advance. */
const BUSY = 100;

let clients = 0;
/** A client nobody has heard of. */
const newClient = (): string => `10.0.${Math.floor(++clients / 250)}.${clients % 250}:4321`;

const statusOf = async (path: string, sent: Sent = {}): Promise<number> => (await send(path, sent)).status;
async function statuses(count: number, path: string, sent: Sent = {}): Promise<number[]> {
  const seen: number[] = [];
  for (let i = 0; i < count; i++) seen.push(await statusOf(path, sent));
  return seen;
}

async function signIn(userId: string): Promise<{ Cookie: string }> {
  const opened = await sendAsAdmin("/api/super/sessions", { body: { userId, username: userId } });
  expect(opened.status).toBe(201);
  return { Cookie: opened.headers.getSetCookie()[0]?.split(";")[0] ?? "" };
}

const LIMIT_HEADERS = [
  "RateLimit",
  "RateLimit-Policy",
  "X-RateLimit-Limit",
  "X-RateLimit-Remaining",
  "X-RateLimit-Reset",
];
const limitHeadersOf = ({ headers }: Answer) => LIMIT_HEADERS.map((name) => headers.get(name));

describe("a request over its limit", () => {
  it("is 429 with the document's five keys unchanged beside those of a problem (L67)", async () => {
    const peer = newClient();
    expect(await statuses(2, "/two/x", { peer })).toEqual([200, 200]);
    const beforeMs = Date.now();
    const answer = await send("/two/x", { peer });
    expect([answer.status, answer.headers.get("Content-Type")]).toEqual([429, "application/problem+json"]);
    const body = jsonOf(answer);
    expect(body).toEqual({
      type: "about:blank",
      title: "Rate limit exceeded",
      status: 429,
      code: "rate_limited",
      detail: "limit two",
      requestId: answer.headers.get("X-Request-Id"),
      error: "Rate limit exceeded",
      retryAfter: expect.any(Number),
      limit: 2,
      remaining: 0,
      reset: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    });
    const retryAfter = Number(body.retryAfter);
    expect(retryAfter).toBeGreaterThan(MINUTE_MS / 1_000 - 5);
    expect(retryAfter).toBeLessThanOrEqual(MINUTE_MS / 1_000 + BEYOND_S);
    const inMs = Date.parse(String(body.reset)) - beforeMs;
    expect(inMs).toBeGreaterThanOrEqual(retryAfter * 1_000);
    expect(inMs).toBeLessThan(retryAfter * 1_000 + 1_000);
  });

  it("says in its headers when to come back, what the limit is and what is left of it", async () => {
    const peer = newClient();
    await statuses(2, "/two/x", { peer });
    const answer = await send("/two/x", { peer });
    const retryAfter = answer.headers.get("Retry-After");
    expect(retryAfter).toBe(String(jsonOf(answer).retryAfter));
    const [rateLimit, ...others] = limitHeadersOf(answer);
    expect(rateLimit).toMatch(/^"two";r=0;t=\d+$/);
    const reset = Number(others.pop());
    expect(others).toEqual(['"two";q=2;w=60', "2", "0"]);
    expect(Math.abs(reset - Date.now() / 1_000 - Number(retryAfter))).toBeLessThan(2);
  });

  it("reaches no backend", async () => {
    const peer = newClient();
    const thrown = async () => Number(jsonOf(await send("/apart-free/x")).thrown);
    const before = await thrown();
    expect(await statuses(3, "/apart/throw", { peer })).toEqual([502, 429, 429]);
    expect(await thrown()).toBe(before + 1);
  });

  it("is a page for a browser, with the same headers (L59)", async () => {
    const sent = { peer: newClient(), headers: { Accept: "text/html,application/xhtml+xml,*/*;q=0.8" } };
    expect(await statusOf("/paged/x", sent)).toBe(200);
    const answer = await send("/paged/x", sent);
    expect([answer.status, answer.headers.get("Content-Type")]).toEqual([429, "text/html; charset=utf-8"]);
    expect(answer.text).toContain("<h1>Rate limit exceeded</h1>");
    expect(Number(answer.headers.get("Retry-After"))).toBeGreaterThan(0);
    expect(limitHeadersOf(answer)).not.toContain(null);
  });

  it("names the limit in its log line", async () => {
    const sent = { peer: newClient(), headers: { "X-Request-Id": "over-limit-0001" } };
    await statuses(2, "/two/x", { peer: sent.peer });
    await send("/two/x", sent);
    expect(lineOf("over-limit-0001")).toMatchObject({ status: 429, limitedBy: "two", why: "rate_limited" });
  });
});

const lineOf = (requestId: string): Record<string, unknown> =>
  JSON.parse(lines.find((line) => line.includes(requestId) && line.includes('"msg":"request"')) ?? "{}");

describe("an admitted request", () => {
  it("is told what is left where the limit says so", async () => {
    const peer = newClient();
    for (const remaining of [2, 1, 0]) {
      const answer = await send("/told/x", { peer });
      expect(answer.status).toBe(200);
      const [rateLimit, policy, limit, left] = limitHeadersOf(answer);
      expect([policy, limit, left]).toEqual(['"told";q=3;w=60', "3", String(remaining)]);
      expect(rateLimit).toMatch(new RegExp(`^"told";r=${remaining};t=\\d+$`));
      expect(answer.headers.get("Retry-After")).toBeNull();
    }
    expect(await statusOf("/told/x", { peer })).toBe(429);
  });

  it("is told what is left though tokens are at hand for it", async () => {
    const peer = newClient();
    const left: number[] = [];
    for (let i = 0; i < BUSY; i++)
      left.push(Number((await send("/plenty-told/x", { peer })).headers.get("X-RateLimit-Remaining")));
    for (const [index, remaining] of left.entries()) {
      expect(remaining).toBeGreaterThan(90_000);
      expect(remaining).toBeLessThan(100_000 - index);
    }
  });

  it("is told nothing where it does not", async () => {
    const answer = await send("/two/x", { peer: newClient() });
    expect([answer.status, ...limitHeadersOf(answer)]).toEqual([200, null, null, null, null, null]);
  });

  it("spends what the limit says it costs, and what is left of less than that admits nobody", async () => {
    const peer = newClient();
    expect((await send("/costly/x", { peer })).headers.get("X-RateLimit-Remaining")).toBe("6");
    expect(await statuses(2, "/costly/x", { peer })).toEqual([200, 429]);
  });
});

describe("a route", () => {
  it("that names no limits stands under general, which all such routes share", async () => {
    const peer = newClient();
    expect(await statuses(2, "/unnamed/x", { peer })).toEqual([200, 200]);
    const answer = await send("/open/x", { peer });
    expect([answer.status, jsonOf(answer).detail]).toEqual([429, "limit general"]);
    expect(await statusOf("/open/x", { peer: newClient() })).toBe(200);
  });

  it("that names its own stands under those instead", async () => {
    const peer = newClient();
    await statuses(2, "/unnamed/x", { peer });
    expect(await statusOf("/unnamed/x", { peer })).toBe(429);
    expect(await statuses(4, "/own/x", { peer })).toEqual([200, 200, 200, 429]);
  });

  it("that says it has none stands under none", async () => {
    expect(await statuses(8, "/unlimited/x", { peer: newClient() })).toEqual(Array(8).fill(200));
  });

  it("counts nothing that it would not forward", async () => {
    const peer = newClient();
    expect(await statusOf("/two/%00", { peer })).toBe(400);
    expect(await statusOf("/two/x", { peer, headers: { Host: "a/b@c" } })).toBe(400);
    expect(await statuses(2, "/two/x", { peer })).toEqual([200, 200]);
  });
});

describe("several limits", () => {
  it("admit together or not at all: what the third refuses costs the first two nothing", async () => {
    const peer = newClient();
    expect(await statusOf("/all-three/x", { peer })).toBe(200);
    for (let i = 0; i < 6; i++) {
      const answer = await send("/all-three/x", { peer });
      expect([answer.status, jsonOf(answer).detail]).toEqual([429, "limit third"]);
    }
    expect(await statuses(5, "/first/x", { peer })).toEqual([200, 200, 200, 200, 429]);
    expect(await statuses(5, "/second/x", { peer })).toEqual([200, 200, 200, 200, 429]);
  });

  it("are all asked though one of them has tokens at hand", async () => {
    const peer = newClient();
    expect(await statuses(BUSY, "/plenty/x", { peer })).toEqual(Array(BUSY).fill(200));
    expect(await statuses(5, "/plenty-then-few/x", { peer })).toEqual([200, 200, 200, 429, 429]);
  });

  it.each(["slot-then-once", "once-then-slot"])("%s: a slot is no more kept than a token is", async (name) => {
    const peer = newClient();
    const held = await open("/slot/stream", { peer });
    expect(held.status).toBe(200);
    const answer = await send(`/${name}/x`, { peer });
    expect([answer.status, jsonOf(answer).code]).toEqual([429, "too_many_at_once"]);
    await held.text();
    await expect.poll(() => statusOf(`/${name}/x`, { peer })).toBe(200);
    await expect.poll(async () => jsonOf(await send(`/${name}/x`, { peer })).code).toBe("rate_limited");
    await expect.poll(() => statusOf("/slot/x", { peer })).toBe(200);
  });
});

describe("a key", () => {
  const cases: readonly [key: string, what: string, requests: () => Promise<readonly (readonly [string, Sent])[]>][] = [
    [
      "ip",
      "an address, from whatever port: clients behind one share it",
      async () => [
        ["/ip/x", { peer: "192.0.2.1:1000" }],
        ["/ip/y", { peer: "192.0.2.1:2000" }],
        ["/ip/x", { peer: "192.0.2.2:1000" }],
      ],
    ],
    [
      "ip",
      "an IPv6 address by its /64 (B15)",
      async () => [
        ["/ip/x", { peer: "[2001:db8:0:1::1]:1000" }],
        ["/ip/x", { peer: "[2001:db8:0:1:ffff:ffff:ffff:ffff]:1000" }],
        ["/ip/x", { peer: "[2001:db8:0:2::1]:1000" }],
      ],
    ],
    [
      "ip",
      "no header a client can write",
      async () => [
        ["/ip/x", { peer: "192.0.2.3:1000", headers: { "X-Forwarded-For": "1.1.1.1" } }],
        ["/ip/x", { peer: "192.0.2.3:1000", headers: { "X-Forwarded-For": "2.2.2.2", "CF-Connecting-IP": "3.3.3.3" } }],
        ["/ip/x", { peer: "192.0.2.4:1000", headers: { "X-Forwarded-For": "1.1.1.1" } }],
      ],
    ],
    [
      "user",
      "a user, in whichever session and from wherever",
      async () => [
        ["/user/x", { peer: newClient(), headers: await signIn("ann") }],
        ["/user/x", { peer: newClient(), headers: await signIn("ann") }],
        ["/user/x", { peer: newClient(), headers: await signIn("bob") }],
      ],
    ],
    [
      "session",
      "a session: the user's next one counts by itself",
      async () => {
        const headers = await signIn("carol");
        return [
          ["/session/x", { peer: newClient(), headers }],
          ["/session/x", { peer: newClient(), headers }],
          ["/session/x", { peer: newClient(), headers: await signIn("carol") }],
        ];
      },
    ],
    [
      "repository",
      "the query parameter of that name, decoded",
      async () => [
        ["/repository/x?repository=org/one", { peer: newClient() }],
        ["/repository/y?page=2&repository=org%2Fone", { peer: newClient() }],
        ["/repository/x?repository=org/two", { peer: newClient() }],
      ],
    ],
    [
      "header:x-tenant",
      "a header's value",
      async () => [
        ["/header/x", { peer: newClient(), headers: { "X-Tenant": "one" } }],
        ["/header/x", { peer: newClient(), headers: { "x-tenant": "one" } }],
        ["/header/x", { peer: newClient(), headers: { "X-Tenant": "One" } }],
      ],
    ],
    [
      "header:x-tenant+repository",
      "all its parts, whatever they hold: `a+b` with `c` is not `a` with `b+c`",
      async () => [
        ["/both/x?repository=c", { peer: newClient(), headers: { "X-Tenant": "a+b" } }],
        ["/both/x?repository=c", { peer: newClient(), headers: { "X-Tenant": "a+b" } }],
        ["/both/x?repository=b%2Bc", { peer: newClient(), headers: { "X-Tenant": "a" } }],
      ],
    ],
  ];

  it.each(cases)("by %s is %s", async (_key, _what, requests) => {
    const seen = [];
    for (const [path, sent] of await requests()) seen.push(await statusOf(path, sent));
    expect(seen).toEqual([200, 429, 200]);
  });

  it("by a header named like what every object has is that header, and missing where it was not sent", async () => {
    const peer = newClient();
    expect(await statusOf("/inherited/x", { peer })).toBe(200);
    expect(await statusOf("/inherited/x", { peer, headers: { Constructor: "one" } })).toBe(200);
    expect(await statusOf("/inherited/x", { peer })).toBe(429);
  });

  it("by route is the route, whoever asks", async () => {
    expect(await statusOf("/route/x", { peer: newClient() })).toBe(200);
    expect(await statusOf("/route/y", { peer: newClient() })).toBe(429);
  });

  it("that is missing is refused under deny: 401 where a sign-in would help, else 400", async () => {
    const peer = newClient();
    const user = await send("/deny-user/x", { peer });
    expect([user.status, jsonOf(user).code]).toEqual([401, "unauthenticated"]);
    const header = await send("/deny/x", { peer });
    expect([header.status, jsonOf(header).code, jsonOf(header).detail]).toEqual([
      400,
      "limit_key_missing",
      "limit deny",
    ]);
    expect(await statusOf("/deny/x", { peer, headers: { "X-Tenant": "one" } })).toBe(200);
    expect(await statusOf("/deny/x", { peer, headers: { "X-Tenant": "" } })).toBe(400);
  });

  it("that is missing counts by the address under fallback, beside every key that is there", async () => {
    const peer = newClient();
    const address = peer.split(":", 1)[0] ?? "";
    for (const tenant of [address, `~${address}`])
      expect(await statuses(2, "/fallback/x", { peer, headers: { "X-Tenant": tenant } })).toEqual([200, 429]);
    expect(await statuses(2, "/fallback/x", { peer })).toEqual([200, 429]);
    expect(await statusOf("/fallback/x", { peer: newClient() })).toBe(200);
  });

  it("that is missing is not counted under skip, and one that is there is", async () => {
    const peer = newClient();
    expect(await statuses(5, "/skip/x", { peer })).toEqual(Array(5).fill(200));
    expect(await statuses(2, "/skip/x", { peer, headers: { "X-Tenant": "one" } })).toEqual([200, 429]);
  });
});

describe("overrides", () => {
  const as = (tenant: string): Sent => ({ peer: newClient(), headers: { "X-Tenant": tenant } });

  it("go by the exact key before a wildcard before the limit's own number", async () => {
    expect(await statuses(4, "/tiered/x", as("team-a"))).toEqual([200, 200, 200, 429]);
    expect(await statuses(3, "/tiered/x", as("team-b"))).toEqual([200, 200, 429]);
    expect(await statuses(2, "/tiered/x", as("a-team-"))).toEqual([200, 429]);
  });

  it("take effect by a change of the configuration, up and down, and keep what was counted", async () => {
    const withOverride = (limit: number) => {
      const overrides = { "team-*": { limit: 2 }, "team-c": { limit } };
      return { ...DOCUMENT, limits: { ...DOCUMENT.limits, tiered: { ...LIMITS.tiered, overrides } } };
    };
    const client = as("team-c");
    expect(await statuses(3, "/tiered/x", client)).toEqual([200, 200, 429]);
    await configure(withOverride(4));
    // A denial is remembered for up to a second.
    await expect.poll(() => statusOf("/tiered/x", client), { timeout: 3_000 }).toBe(200);
    expect(await statuses(2, "/tiered/x", client)).toEqual([200, 429]);
    await configure(withOverride(1));
    expect(await statusOf("/tiered/x", client)).toBe(429);
    await configure(DOCUMENT);
    expect(await statusOf("/tiered/x", client)).toBe(429);
  });
});

describe("a limit in shadow", () => {
  it("refuses nobody, and the log line names what it would have refused and nothing else", async () => {
    const peer = newClient();
    const ids = ["shadow-0001", "shadow-0002", "shadow-0003"];
    for (const id of ids) expect(await statusOf("/shadow/x", { peer, headers: { "X-Request-Id": id } })).toBe(200);
    expect(ids.map((id) => lineOf(id).overrun)).toEqual([undefined, ["shadow"], ["shadow"]]);
    expect(ids.map((id) => lineOf(id).status)).toEqual([200, 200, 200]);
  });
});

describe("a limit of what goes on at one time", () => {
  it("holds a slot until the body has ended", async () => {
    const peer = newClient();
    const first = await open("/slot/stream", { peer });
    expect(first.status).toBe(200);
    expect(await statusOf("/slot/x", { peer })).toBe(429);
    expect(await statusOf("/slot/x", { peer: newClient() })).toBe(200);
    expect(await first.text()).toBe("first,second");
    await expect.poll(() => statusOf("/slot/x", { peer })).toBe(200);
  });

  it("refuses with the five keys of L67, a code of its own, and no window in its headers", async () => {
    const peer = newClient();
    const first = await open("/slot/stream", { peer });
    const answer = await send("/slot/x", { peer });
    expect([answer.status, jsonOf(answer)]).toMatchObject([
      429,
      { code: "too_many_at_once", error: "Rate limit exceeded", retryAfter: 1, limit: 1, remaining: 0 },
    ]);
    expect(answer.headers.get("Retry-After")).toBe("1");
    expect(answer.headers.get("RateLimit-Policy")).toBe('"slot";q=1;qu="concurrent-requests"');
    expect(answer.headers.get("RateLimit")).toBe('"slot";r=0;t=1');
    await first.text();
  });

  it("gets its slot back from a client that leaves", async () => {
    const peer = newClient();
    const left = await open("/slot/stream", { peer });
    expect(await statusOf("/slot/x", { peer })).toBe(429);
    await left.body?.cancel();
    await expect.poll(() => statusOf("/slot/x", { peer })).toBe(200);
  });

  it.each(["throw", "empty", "nonsense", "x"])(
    "gets its slot back from /%s, which has no body to wait for",
    async (what) => {
      const peer = newClient();
      await send(`/slot/${what}`, { peer });
      await expect.poll(() => statusOf("/slot/x", { peer })).toBe(200);
    },
  );
});

describe("explain", () => {
  const explain = async (path: string, headers = {}) =>
    jsonOf(await sendAsAdmin("/api/super/explain", { body: { url: `http://localhost${path}`, headers } }));

  it("names the limits of a request, by which keys they would count it, and spends nothing", async () => {
    for (let i = 0; i < 3; i++) {
      expect(await explain("/header/x", { "X-Tenant": "explained" })).toMatchObject({
        outcome: "forward",
        limits: [{ name: "header", key: "explained", kind: "rate", limit: 1, windowMs: MINUTE_MS, shadow: false }],
      });
    }
    expect(await statusOf("/header/x", { headers: { "X-Tenant": "explained" } })).toBe(200);
  });

  it("shows the override that holds for the key, the order of several, and that there are none", async () => {
    expect(await explain("/tiered/x", { "X-Tenant": "team-a" })).toMatchObject({ limits: [{ limit: 3 }] });
    const { limits } = (await explain("/all-three/x")) as { limits: { name: string }[] };
    expect(limits.map(({ name }) => name)).toEqual(["first", "second", "third"]);
    expect(await explain("/unlimited/x")).toMatchObject({ limits: [] });
    expect(await explain("/slot/x")).toMatchObject({ limits: [{ kind: "slots", limit: 1, leaseMs: 3_000 }] });
  });

  it("says where a request would be refused for want of a key", async () => {
    expect(await explain("/deny/x")).toMatchObject({ limits: { code: "limit_key_missing", status: 400 } });
  });
});

describe("a document's limits", () => {
  const limited = (mine: object, names = ["mine"]) => ({
    ...DOCUMENT,
    limits: { mine },
    routes: [route("mine", { limits: names })],
  });
  const validate = async (document: object) =>
    jsonOf(await sendAsAdmin("/api/super/config/validate", { body: document }));
  const DAY_MS = 86_400_000;

  it.each<[string, object, string]>([
    ["a limit of 0", limited(perMinute(0, "ip")), "limits.mine.limit"],
    ["a limit below 0", limited(perMinute(-1, "ip")), "limits.mine.limit"],
    ["a limit that is no whole number", limited(perMinute(1.5, "ip")), "limits.mine.limit"],
    ["a window under a second", limited({ key: "ip", limit: 1, windowMs: 999 }), "limits.mine.windowMs"],
    ["a window over 31 days", limited({ key: "ip", limit: 1, windowMs: 31 * DAY_MS + 1 }), "limits.mine.windowMs"],
    ["an unknown key part", limited(perMinute(1, "colour")), "limits.mine.key"],
    ["an unknown part of a joined key", limited(perMinute(1, "ip+colour")), "limits.mine.key"],
    ["a header key without a name", limited(perMinute(1, "header:")), "limits.mine.key"],
    ["no slot at all", limited({ key: "ip", concurrency: 0 }), "limits.mine.concurrency"],
    ["a slot's lease under a second", limited({ key: "ip", concurrency: 1, leaseMs: 999 }), "limits.mine.leaseMs"],
    ["both a rate and slots", limited(perMinute(1, "ip", { concurrency: 1 })), "limits.mine"],
    ["neither of the two", limited({ key: "ip" }), "limits.mine"],
    ["a cost of 0", limited(perMinute(1, "ip", { cost: 0 })), "limits.mine.cost"],
    [
      "an override of 0",
      limited(perMinute(1, "ip", { overrides: { x: { limit: 0 } } })),
      "limits.mine.overrides.x.limit",
    ],
    ["an unknown onError", limited(perMinute(1, "ip", { onError: "maybe" })), "limits.mine.onError"],
    ["a route under no such limit", limited(perMinute(1, "ip"), ["mine", "yours"]), "routes[0].limits[1]"],
  ])("with %s are refused with the field's path, and what was in force stays", async (_, document, path) => {
    const put = await sendAsAdmin("/api/super/config", { method: "PUT", body: document });
    const { code, problems } = jsonOf(put) as { code: string; problems: { path: string }[] };
    expect([put.status, code, problems.map((problem) => problem.path)]).toEqual([400, "invalid_config", [path]]);
    const { limits } = jsonOf(await sendAsAdmin("/api/super/config")) as { limits: Record<string, unknown> };
    expect(Object.keys(limits)).toEqual(expect.arrayContaining(Object.keys(LIMITS)));
  });

  it.each([1_000, 31 * DAY_MS])("may have a window of %i ms", async (windowMs) => {
    expect(await validate(limited({ key: "ip+user+session+repository+route+header:x", limit: 1, windowMs }))).toEqual({
      valid: true,
      warnings: [],
    });
  });
});

describe("the limits that ship", () => {
  const shipped = [
    ["chat", "user", 100, 3_600_000],
    ["api", "user", 1_000, 3_600_000],
    ["router", "ip", 60, MINUTE_MS],
  ] as const;
  beforeAll(() =>
    configureExactly({
      configFreshnessMs: 50,
      pools: { app: { instances: [{ id: "app", binding: "AUTH_APP" }] } },
      routes: [
        route("unnamed"),
        ...shipped.map(([name]) => route(name, { limits: [name] })),
        route("terminals", { limits: ["terminals"] }),
        route("workspace-sessions", { limits: ["workspace-sessions"] }),
      ],
    }),
  );
  const limitsOf = async (path: string, headers = {}) =>
    jsonOf(await sendAsAdmin("/api/super/explain", { body: { url: `http://localhost${path}`, headers } })).limits;

  it("admit a hundred requests a minute from an address where a route says nothing (D65)", async () => {
    const peer = newClient();
    const seen = await Promise.all(Array.from({ length: 120 }, () => statusOf("/unnamed/x", { peer })));
    expect(seen.filter((status) => status === 200)).toHaveLength(100);
    expect(seen.filter((status) => status === 429)).toHaveLength(20);
  });

  it.each(shipped)("%s is by %s, %i in %i ms (L62, L65, C32)", async (name, key, limit, windowMs) => {
    const headers = await signIn("dora");
    const [found] = (await limitsOf(`/${name}/x`, headers)) as { key: string }[];
    expect(found).toMatchObject({ name, limit, windowMs });
    expect(found?.key === "dora").toBe(key === "user");
  });

  it("terminals is five at one time per user, workspace-sessions ten per repository (L63, L64)", async () => {
    const headers = await signIn("dora");
    expect(await limitsOf("/terminals/x", headers)).toMatchObject([{ kind: "slots", key: "dora", limit: 5 }]);
    expect(await limitsOf("/workspace-sessions/x?repository=a/b")).toMatchObject([
      { kind: "slots", key: "a/b", limit: 10 },
    ]);
  });
});
