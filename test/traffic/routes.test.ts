// Which backend a request reaches: the documents' routes on the configuration `npm start` begins with, and pools open under their own name.

import { parse } from "jsonc-parser";
import { beforeAll, describe, expect, it } from "vitest";
import example from "../../examples/signalbox.jsonc?raw";
import { configure, jsonOf, send, sendAsAdmin } from "../http/send.ts";

type Reached = { app: string; via: string; url: string };
async function reach(url: string): Promise<Reached> {
  const answer = await send(url);
  expect(answer.status).toBe(200);
  return jsonOf(answer) as unknown as Reached;
}

describe("the example", () => {
  beforeAll(() => configure(parse(example) as object));

  it.each([
    ["L04", "/api/chat"],
    ["L04", "/api/workspace/chat"],
    ["L05", "/api/workspace/session/create"],
    ["L05", "/api/workspace"],
    ["L06", "/api/terminal/sessions"],
  ])("%s: %s needs a backend and reaches one by RPC", async (_, path) => {
    const reached = await reach(`http://sonr.id${path}`);
    expect(reached).toMatchObject({ app: expect.stringMatching(/^my-backend-worker-[12]$/), via: "rpc" });
    expect(new URL(reached.url).pathname).toBe(path);
  });

  it.each([
    ["L07", "/api/integrations/github"],
    ["L08", "/api/user/preferences"],
  ])("%s: %s needs no backend and says 503 while there is none (L09)", async (_, path) => {
    const answer = await send(`http://sonr.id${path}`);
    expect([answer.status, jsonOf(answer).code]).toEqual([503, "no_instance"]);
  });

  it("L04 goes before L05: the longer path decides, by its own route", async () => {
    const routeOf = async (path: string) => {
      const explained = await sendAsAdmin("/api/super/explain", { body: { url: `http://sonr.id${path}` } });
      return (jsonOf(explained).route as { id: string }).id;
    };
    expect(await routeOf("/api/workspace/chat")).toBe("workspace-chat");
    expect(await routeOf("/api/workspace/chats")).toBe("workspace");
    expect(await routeOf("/api/chat")).toBe("chat");
    expect(await routeOf("/api/chats")).toBe("api-path");
  });

  it.each([
    ["console.sonr.id", "/dashboard", "motr-console"],
    ["profile.sonr.id", "/settings", "motr-profile"],
    ["search.sonr.id", "/", "motr-search"],
    ["sonr.id", "/login", "motr-auth"],
    ["sonr.id", "/console/dashboard", "motr-console"],
    ["sonr.id", "/profile/settings", "motr-profile"],
    ["sonr.id", "/search/", "motr-search"],
    ["sonr.id", "/searchx", "motr-auth"],
    ["sonr.id", "/", "motr-auth"],
  ])("%s%s reaches %s (M08 to M15, M19)", async (host, path, app) => {
    expect((await reach(`http://${host}${path}`)).app).toBe(app);
  });

  it("nothing but what the documents name is reached by a stranger's host", async () => {
    expect((await send("http://console.evil.com/dashboard")).status).toBe(404);
    expect(await reach("http://anything.example/backends/x")).toMatchObject({ via: "rpc" });
  });
});

describe("an exposed pool (D36)", () => {
  const instances = (binding: string) => [{ id: "one", binding }];
  beforeAll(() =>
    configure({
      domain: "sonr.id",
      configFreshnessMs: 50,
      pools: {
        banking: { exposed: true, instances: instances("SEARCH_APP") },
        special: { instances: instances("PROFILE_APP") },
        hidden: { instances: instances("AUTH_APP") },
      },
      routes: [
        { id: "special", path: "/banking/special", pool: "special" },
        { id: "host", host: "profile.*", pool: "special" },
      ],
    }),
  );

  it.each(["/banking/transfer?x=1", "/banking/", "/banking"])("is reached as %s, byte for byte", async (path) => {
    for (const host of ["sonr.id", "other.example"]) {
      const reached = await reach(`http://${host}${path}`);
      expect(reached).toMatchObject({ app: "motr-search", url: `http://${host}${path}` });
    }
  });

  it("is reached only where no route matches first", async () => {
    expect((await reach("http://sonr.id/banking/special")).app).toBe("motr-profile");
    expect((await reach("http://profile.sonr.id/banking/transfer")).app).toBe("motr-profile");
  });

  it("is not reached under a name that only begins like its own, nor is one that is not exposed", async () => {
    for (const path of ["/bankings", "/bankingx/y", "/hidden/x", "/Banking/x"])
      expect((await send(`http://sonr.id${path}`)).status).toBe(404);
  });

  it("cannot take a path of the control surface", async () => {
    const pools = { admin: { exposed: true, instances: instances("AUTH_APP") } };
    const put = await sendAsAdmin("/api/super/config", { method: "PUT", body: { pools } });
    expect([put.status, jsonOf(put).problems]).toMatchObject([400, [{ path: "pools.admin.exposed" }]]);
  });
});
