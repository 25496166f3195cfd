// The configuration and audit log over HTTP, grouped by status. They speak to the plane's one ControlPlane object.

import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { callControl } from "../../src/objects.ts";
import { type Answer, jsonOf, sendAsAdmin } from "./send.ts";

type Told = { readonly body?: string; readonly headers?: Record<string, string>; readonly query?: string };
type Call = (told?: Told) => Promise<Answer>;

const CONFIG = "/api/super/config";
/** A call of an operator's to `method path`; a body is said to be JSON unless the headers know better. */
const callOf =
  (method: string, path: string): Call =>
  ({ query = "", body, headers = {} } = {}) =>
    sendAsAdmin(`${path}${query}`, {
      method,
      ...(body !== undefined && { body }),
      headers: { ...(body !== undefined && { "Content-Type": "application/json" }), ...headers },
    });
const getConfig = callOf("GET", CONFIG);
const putConfig = callOf("PUT", CONFIG);
const patchConfig = callOf("PATCH", CONFIG);
const getConfigHistory = callOf("GET", `${CONFIG}/history`);
const getConfigVersion = (version: string) => callOf("GET", `${CONFIG}/history/${version}`)();
const rollbackConfig = callOf("POST", `${CONFIG}/rollback`);
const validateConfig = callOf("POST", `${CONFIG}/validate`);
const getAudit = callOf("GET", "/api/super/audit");
const verifyAudit = callOf("GET", "/api/super/audit/verify");

const version = async () => (await callControl(env, (control) => control.current(null))).version;

let count = 0;
/** A document unlike any before. */
const fresh = () =>
  JSON.stringify({ domain: `d${count++}.io`, pools: { p: { instances: [{ id: "a", binding: "AUTH_APP" }] } } });

describe("200", () => {
  it("PUT, then GET the same document under the ETag that PUT named", async () => {
    const body = fresh();
    const put = await putConfig({ body });
    const current = await version();
    expect([put.status, put.headers.get("ETag")]).toEqual([200, `"${current}"`]);
    expect(jsonOf(put)).toEqual({ version: current, changed: true, document: JSON.parse(body), warnings: [] });
    const get = await getConfig();
    expect([get.status, get.headers.get("ETag"), jsonOf(get)]).toEqual([200, `"${current}"`, JSON.parse(body)]);
  });

  it.each(["application/json", "application/merge-patch+json", "application/merge-patch+json; charset=utf-8"])(
    "PATCH takes %s",
    async (type) => {
      const domain = `patched${count++}.io`;
      const response = await patchConfig({ body: JSON.stringify({ domain }), headers: { "Content-Type": type } });
      expect(response.status).toBe(200);
      expect(jsonOf(response)).toMatchObject({ changed: true, document: { domain } });
    },
  );

  it("a matching If-Match lets a change through", async () => {
    const ifMatch = `W/"${await version()}"`;
    expect((await putConfig({ body: fresh(), headers: { "If-Match": ifMatch } })).status).toBe(200);
  });

  it("rollback restores an earlier document, which history and its version show", async () => {
    const before = await version();
    await putConfig({ body: fresh() });
    const response = await rollbackConfig({ body: JSON.stringify({ version: before }) });
    expect(response.headers.get("ETag")).toBe(`"${await version()}"`);
    const { versions } = jsonOf(await getConfigHistory({ query: "?limit=1" })) as { versions: object[] };
    expect(versions).toMatchObject([
      { version: await version(), source: "rollback", restores: before, actor: "admin" },
    ]);
    const restored = jsonOf(await getConfigVersion(String(before)));
    expect(restored).toMatchObject({ version: before });
    expect(jsonOf(await getConfig())).toEqual(restored.document);
  });

  it("validate says what PUT would, and writes nothing", async () => {
    const before = await version();
    const limits = { mine: { key: "ip", limit: 1, windowMs: 1_000 } };
    const response = await validateConfig({ body: JSON.stringify({ ...JSON.parse(fresh()), limits }) });
    expect([response.status, jsonOf(response)]).toEqual([200, { valid: true, warnings: [] }]);
    expect(await version()).toBe(before);
  });

  it("the audit log holds every change and verifies", async () => {
    await putConfig({ body: fresh() });
    const { rows } = jsonOf(await getAudit({ query: "?limit=1000" })) as {
      rows: { subject: string; seq: number }[];
    };
    expect(rows.at(-1)).toMatchObject({ action: "config.api", actor: "admin", subject: `version ${await version()}` });
    const rest = jsonOf(await getAudit({ query: `?after=${rows.length - 1}&limit=5` }));
    expect(rest).toEqual({ rows: rows.slice(-1) });
    expect(jsonOf(await verifyAudit())).toEqual({ intact: true, rows: rows.length });
  });
});

describe("304", () => {
  it("for the version in force, and only for that", async () => {
    const tag = `"${await version()}"`;
    for (const header of [tag, `W/${tag}`, "*", `"x", ${tag}`]) {
      const response = await getConfig({ headers: { "If-None-Match": header } });
      expect([response.status, response.headers.get("ETag"), response.text]).toEqual([304, tag, ""]);
    }
    expect((await getConfig({ headers: { "If-None-Match": '"99999"' } })).status).toBe(200);
  });
});

describe("400", () => {
  it.each<[string, Call]>([
    ["PUT", putConfig],
    ["PATCH", patchConfig],
    ["validate", validateConfig],
  ])("%s of what can't work names every field and writes nothing", async (_name, handler) => {
    const before = await version();
    const body = JSON.stringify({ colour: 1, routes: [{ id: "r", pool: "nope" }] });
    const response = await handler({ body, headers: { "If-Match": '"99999"' } });
    const answer = jsonOf(response);
    expect([response.status, answer.code]).toEqual([400, "invalid_config"]);
    expect((answer.problems as { path: string }[]).map(({ path }) => path)).toEqual(["colour", "routes[0].pool"]);
    expect(await version()).toBe(before);
  });

  it("names the position where a body stops being JSON", async () => {
    const response = await putConfig({ body: '{"a": }' });
    expect([response.status, jsonOf(response)]).toMatchObject([400, { code: "malformed_json", position: 6 }]);
  });

  it.each<[string, Call]>([
    ["PUT", putConfig],
    ["PATCH", patchConfig],
    ["validate", validateConfig],
  ])("%s of half a megabyte of brackets is answered like any other bad document", async (_name, handler) => {
    const response = await handler({ body: `${"[".repeat(250_000)}${"]".repeat(250_000)}` });
    expect([response.status, jsonOf(response).code]).toEqual([400, "invalid_config"]);
  });

  it.each(["?limit=0", "?limit=1001", "?limit=x", "?limit=1&limit=2", "?before=-1", "?page=2"])(
    "history refuses %s",
    async (query) => {
      const response = await getConfigHistory({ query });
      expect([response.status, jsonOf(response).code]).toEqual([400, "invalid_query"]);
    },
  );

  it.each(["{}", '{"version":"1"}', '{"version":-1}', '{"version":1,"more":1}'])(
    "rollback refuses %s",
    async (body) => {
      const response = await rollbackConfig({ body });
      expect([response.status, jsonOf(response).code]).toEqual([400, "invalid_body"]);
    },
  );
});

describe("404", () => {
  it("for a version that is not kept", async () => {
    const body = JSON.stringify({ version: 99_999 });
    expect((await rollbackConfig({ body })).status).toBe(404);
    for (const wanted of ["99999", "x", "-1", "9999999999999999"]) {
      const response = await getConfigVersion(wanted);
      expect([response.status, jsonOf(response).code]).toEqual([404, "unknown_version"]);
    }
  });
});

describe("404 for another spelling", () => {
  it.each(["0x1", "1e0", "01", "1.0", "+1", "%201", "1%20", "00"])("%s is no version, though 1 is", async (wanted) => {
    await putConfig({ body: fresh() });
    expect((await getConfigVersion("1")).status).toBe(200);
    const response = await getConfigVersion(wanted);
    expect([response.status, jsonOf(response).code]).toEqual([404, "unknown_version"]);
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
      const response = await handler({ body, headers: { "If-Match": '"99999"' } });
      expect([response.status, jsonOf(response)]).toMatchObject([412, { code: "stale_version", version: before }]);
    }
    expect(await version()).toBe(before);
  });
});

describe("415 and 413", () => {
  it("PUT takes JSON only, PATCH no other patch format", async () => {
    const put = { body: fresh(), headers: { "Content-Type": "application/merge-patch+json" } };
    const patch = { body: "[]", headers: { "Content-Type": "application/json-patch+json" } };
    expect([(await putConfig(put)).status, (await patchConfig(patch)).status]).toEqual([415, 415]);
  });

  it("a body over a megabyte is refused", async () => {
    const body = JSON.stringify({ domain: "d".repeat(1_048_577) });
    expect((await putConfig({ body })).status).toBe(413);
  });
});
