// What a plane is configured with after each kind of start: an empty state, a state with history, a file new, old or edited.

import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeScratchDir, type Plane, type StartOptions, startPlane } from "./plane.ts";

let folder: string;
let file: string;
beforeEach(() => {
  folder = makeScratchDir();
  file = path.join(folder, "plane.jsonc");
});

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
});

/** A plane whose state the next one in this test finds again. */
async function plane(options: StartOptions = {}): Promise<Plane> {
  const started = await startPlane({ stateDir: path.join(folder, "state"), ...options });
  ends.push(started.stop);
  return started;
}

const api = (one: Plane, method = "GET", document?: object) =>
  fetch(`${one.url()}/api/super/config`, {
    method,
    headers: { "X-Admin-Secret": one.adminSecret, "Content-Type": "application/json" },
    ...(document && { body: JSON.stringify(document) }),
  });

async function configOf(one: Plane) {
  const response = await api(one);
  return { domain: ((await response.json()) as { domain?: string }).domain, version: response.headers.get("ETag") };
}

async function setDomain(one: Plane, domain: string) {
  expect((await api(one, "PUT", { domain })).status).toBe(200);
}

const writeConfig = (domain: string, comment = "") =>
  writeFileSync(file, `// ${comment}\n${JSON.stringify({ domain })}`);

describe("without --config", () => {
  it("an empty state starts from the example, and a second start finds the same version of it", async () => {
    const first = await plane();
    const config = await configOf(first);
    expect(config.domain).toBe("sonr.id");
    await first.stop();
    expect(await configOf(await plane())).toEqual(config);
  });

  it("a state that has begun keeps what the API changed", async () => {
    const first = await plane();
    await setDomain(first, "changed.test");
    await first.stop();
    expect((await configOf(await plane())).domain).toBe("changed.test");
  });

  it("a state that began with a file keeps that file's document", async () => {
    writeConfig("from-file.test");
    const first = await plane({ config: file });
    expect((await configOf(first)).domain).toBe("from-file.test");
    await first.stop();
    expect((await configOf(await plane())).domain).toBe("from-file.test");
  });

  it("what was acknowledged outlives a kill -9 at once", async () => {
    const first = await plane();
    await setDomain(first, "acknowledged.test");
    await first.kill9();
    expect((await configOf(await plane())).domain).toBe("acknowledged.test");
  });
});

describe("with --config", () => {
  it("the same file again doesn't revert what the API changed", async () => {
    writeConfig("from-file.test");
    const first = await plane({ config: file });
    await setDomain(first, "changed.test");
    await first.stop();
    expect((await configOf(await plane({ config: file }))).domain).toBe("changed.test");
  });

  it("an edited file is applied, even over what the API changed", async () => {
    writeConfig("from-file.test");
    const first = await plane({ config: file });
    await setDomain(first, "changed.test");
    await first.stop();
    writeConfig("edited.test");
    expect((await configOf(await plane({ config: file }))).domain).toBe("edited.test");
  });

  it("a file whose comment alone changed counts as another file", async () => {
    writeConfig("from-file.test");
    const first = await plane({ config: file });
    await setDomain(first, "changed.test");
    await first.stop();
    writeConfig("from-file.test", "say it again");
    expect((await configOf(await plane({ config: file }))).domain).toBe("from-file.test");
  });
});

describe("an admin secret that is set but empty", () => {
  it("is used as it is: admin paths say what is missing, and nobody gets in", async () => {
    const started = await plane({ env: { ADMIN_SECRET: "" } });
    const response = await fetch(`${started.url()}/api/super/config`, { headers: { "X-Admin-Secret": "" } });
    expect([response.status, await response.text()]).toEqual([503, expect.stringContaining("ADMIN_SECRET")]);
    expect((await fetch(`${started.url()}/health`)).status).toBe(200);
  });
});
