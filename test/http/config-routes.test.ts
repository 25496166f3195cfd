// The configuration and audit handlers, grouped by status. They speak to the plane's one ControlPlane object.

import { env } from "cloudflare:workers";
import type { IRequestStrict } from "itty-router";
import { describe, expect, it } from "vitest";
import { HttpError } from "../../src/http/http-error.ts";
import { problem } from "../../src/http/reply.ts";
import { callControl } from "../../src/objects.ts";
import { getAudit, verifyAudit } from "../../src/routes/audit.ts";
import {
  getConfig,
  getConfigHistory,
  getConfigVersion,
  patchConfig,
  putConfig,
  rollbackConfig,
  validateConfig,
} from "../../src/routes/config.ts";

type Handler = (request: IRequestStrict, env: Env) => Promise<Response>;
type Sent = { body?: string; headers?: Record<string, string>; query?: string; params?: object };

/** As the router calls a handler: its HttpError becomes an answer. */
async function call(handler: Handler, { query = "", params = {}, body, headers = {} }: Sent = {}): Promise<Response> {
  const sent = body !== undefined && { method: "POST", body };
  const request = new Request(`http://h/api/super/config${query}`, {
    ...sent,
    headers: { ...(sent && { "Content-Type": "application/json" }), ...headers },
  });
  try {
    return await handler(Object.assign(request, { params }) as unknown as IRequestStrict, env);
  } catch (error) {
    if (error instanceof HttpError) return problem(error.refusal, { requestId: "r", html: false });
    throw error;
  }
}
const json = async (response: Response) => (await response.json()) as { [key: string]: unknown };
const version = async () => (await callControl(env, (control) => control.current(null))).version;

let count = 0;
/** A document unlike any before. */
const fresh = () =>
  JSON.stringify({ domain: `d${count++}.io`, pools: { p: { instances: [{ id: "a", binding: "AUTH_APP" }] } } });

describe("200", () => {
  it("PUT, then GET the same document under the ETag that PUT named", async () => {
    const body = fresh();
    const put = await call(putConfig, { body });
    const current = await version();
    expect([put.status, put.headers.get("ETag")]).toEqual([200, `"${current}"`]);
    expect(await json(put)).toEqual({ version: current, changed: true, document: JSON.parse(body), warnings: [] });
    const get = await call(getConfig);
    expect([get.status, get.headers.get("ETag"), await json(get)]).toEqual([200, `"${current}"`, JSON.parse(body)]);
  });

  it.each(["application/json", "application/merge-patch+json", "application/merge-patch+json; charset=utf-8"])(
    "PATCH takes %s",
    async (type) => {
      const domain = `patched${count++}.io`;
      const response = await call(patchConfig, { body: JSON.stringify({ domain }), headers: { "Content-Type": type } });
      expect(response.status).toBe(200);
      expect(await json(response)).toMatchObject({ changed: true, document: { domain } });
    },
  );

  it("a matching If-Match lets a change through", async () => {
    const ifMatch = `W/"${await version()}"`;
    expect((await call(putConfig, { body: fresh(), headers: { "If-Match": ifMatch } })).status).toBe(200);
  });

  it("rollback restores an earlier document, which history and its version show", async () => {
    const before = await version();
    await call(putConfig, { body: fresh() });
    const response = await call(rollbackConfig, { body: JSON.stringify({ version: before }) });
    expect(response.headers.get("ETag")).toBe(`"${await version()}"`);
    const { versions } = (await json(await call(getConfigHistory, { query: "?limit=1" }))) as { versions: object[] };
    expect(versions).toMatchObject([
      { version: await version(), source: "rollback", restores: before, actor: "admin" },
    ]);
    const restored = await json(await call(getConfigVersion, { params: { version: String(before) } }));
    expect(restored).toMatchObject({ version: before });
    expect(await json(await call(getConfig))).toEqual(restored.document);
  });

  it("validate says what PUT would, and writes nothing", async () => {
    const before = await version();
    const response = await call(validateConfig, { body: JSON.stringify({ ...JSON.parse(fresh()), limits: {} }) });
    expect([response.status, await json(response)]).toEqual([
      200,
      { valid: true, warnings: [{ path: "limits", message: expect.any(String) }] },
    ]);
    expect(await version()).toBe(before);
  });

  it("the audit log holds every change and verifies", async () => {
    await call(putConfig, { body: fresh() });
    const { rows } = (await json(await call(getAudit, { query: "?limit=1000" }))) as {
      rows: { subject: string; seq: number }[];
    };
    expect(rows.at(-1)).toMatchObject({ action: "config.api", actor: "admin", subject: `version ${await version()}` });
    const rest = await json(await call(getAudit, { query: `?after=${rows.length - 1}&limit=5` }));
    expect(rest).toEqual({ rows: rows.slice(-1) });
    expect(await json(await call(verifyAudit))).toEqual({ intact: true, rows: rows.length });
  });
});

describe("304", () => {
  it("for the version in force, and only for that", async () => {
    const tag = `"${await version()}"`;
    for (const header of [tag, `W/${tag}`, "*", `"x", ${tag}`]) {
      const response = await call(getConfig, { headers: { "If-None-Match": header } });
      expect([response.status, response.headers.get("ETag"), await response.text()]).toEqual([304, tag, ""]);
    }
    expect((await call(getConfig, { headers: { "If-None-Match": '"99999"' } })).status).toBe(200);
  });
});

describe("400", () => {
  it.each<[string, Handler]>([
    ["PUT", putConfig],
    ["PATCH", patchConfig],
    ["validate", validateConfig],
  ])("%s of what can't work names every field and writes nothing", async (_name, handler) => {
    const before = await version();
    const body = JSON.stringify({ colour: 1, routes: [{ id: "r", pool: "nope" }] });
    const response = await call(handler, { body, headers: { "If-Match": '"99999"' } });
    const answer = await json(response);
    expect([response.status, answer.code]).toEqual([400, "invalid_config"]);
    expect((answer.problems as { path: string }[]).map(({ path }) => path)).toEqual(["colour", "routes[0].pool"]);
    expect(await version()).toBe(before);
  });

  it("names the position where a body stops being JSON", async () => {
    const response = await call(putConfig, { body: '{"a": }' });
    expect([response.status, await json(response)]).toMatchObject([400, { code: "malformed_json", position: 6 }]);
  });

  it.each<[string, Handler]>([
    ["PUT", putConfig],
    ["PATCH", patchConfig],
    ["validate", validateConfig],
  ])("%s of half a megabyte of brackets is answered like any other bad document", async (_name, handler) => {
    const response = await call(handler, { body: `${"[".repeat(250_000)}${"]".repeat(250_000)}` });
    expect([response.status, (await json(response)).code]).toEqual([400, "invalid_config"]);
  });

  it.each(["?limit=0", "?limit=1001", "?limit=x", "?limit=1&limit=2", "?before=-1", "?page=2"])(
    "history refuses %s",
    async (query) => {
      const response = await call(getConfigHistory, { query });
      expect([response.status, (await json(response)).code]).toEqual([400, "invalid_query"]);
    },
  );

  it.each(["{}", '{"version":"1"}', '{"version":-1}', '{"version":1,"more":1}'])(
    "rollback refuses %s",
    async (body) => {
      const response = await call(rollbackConfig, { body });
      expect([response.status, (await json(response)).code]).toEqual([400, "invalid_body"]);
    },
  );
});

describe("404", () => {
  it("for a version that is not kept", async () => {
    const body = JSON.stringify({ version: 99_999 });
    expect((await call(rollbackConfig, { body })).status).toBe(404);
    for (const wanted of ["99999", "x", "-1"]) {
      const response = await call(getConfigVersion, { params: { version: wanted } });
      expect([response.status, (await json(response)).code]).toEqual([404, "unknown_version"]);
    }
  });
});

describe("412", () => {
  it("for a change to another version than the one in force, which it names", async () => {
    const before = await version();
    for (const [handler, body] of [
      [putConfig, fresh()],
      [patchConfig, '{"domain":"late.io"}'],
      [rollbackConfig, '{"version":0}'],
    ] as const) {
      const response = await call(handler, { body, headers: { "If-Match": '"99999"' } });
      expect([response.status, await json(response)]).toMatchObject([412, { code: "stale_version", version: before }]);
    }
    expect(await version()).toBe(before);
  });
});

describe("415 and 413", () => {
  it("PUT takes JSON only, PATCH no other patch format", async () => {
    const put = { body: fresh(), headers: { "Content-Type": "application/merge-patch+json" } };
    const patch = { body: "[]", headers: { "Content-Type": "application/json-patch+json" } };
    expect([(await call(putConfig, put)).status, (await call(patchConfig, patch)).status]).toEqual([415, 415]);
  });

  it("a body over a megabyte is refused", async () => {
    const body = JSON.stringify({ domain: "d".repeat(1_048_577) });
    expect((await call(putConfig, { body })).status).toBe(413);
  });
});
