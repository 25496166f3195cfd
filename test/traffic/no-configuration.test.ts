// An isolate that has just begun, while the object that knows the configuration does not answer.

import { describe, expect, it } from "vitest";
import { configure, downObject, jsonOf, send } from "../http/send.ts";

const vars = { CONTROL: downObject() };

describe("an isolate that could never read a configuration", () => {
  it("answers 503 no_config, to a browser with a page, and reads it as soon as it can", async () => {
    const answer = await send("/x", { vars });
    expect([answer.status, jsonOf(answer).code]).toEqual([503, "no_config"]);
    expect(answer.text).not.toContain("the object is down");
    const page = await send("/x", { vars, headers: { Accept: "text/html" } });
    expect([page.status, page.headers.get("Content-Type")]).toEqual([503, "text/html; charset=utf-8"]);
    await configure({
      pools: { app: { instances: [{ id: "app", binding: "AUTH_APP" }] } },
      routes: [{ id: "all", pool: "app" }],
    });
    expect((await send("/x")).status).toBe(200);
  });
});
