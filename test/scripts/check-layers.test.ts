// The layer check on small trees made for one case each: what it lets pass and what it names.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { findLayerProblems } from "../../scripts/check-layers.ts";
import { codeOf, readImports } from "../../scripts/source-text.ts";

let root = "";
afterEach(() => rmSync(root, { recursive: true, force: true }));

function problemsIn(files: Record<string, string>): readonly string[] {
  root = mkdtempSync(join(tmpdir(), "layers-"));
  for (const [path, source] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), source);
  }
  return findLayerProblems(root);
}

const importing = (module: string) => `// Opens.\nimport { x } from "${module}";\n`;

describe("an import along the arrows passes", () => {
  it.each([
    ["src/contracts/a.ts", "./b.ts"],
    ["src/contracts/a.ts", "valibot"],
    ["src/policies/routing/a.ts", "../../contracts/a.ts"],
    ["src/policies/routing/a.ts", "../balancing/a.ts"],
    ["src/policies/routing/a.ts", "valibot"],
    ["src/objects.ts", "./contracts/a.ts"],
    ["src/http/a.ts", "../objects.ts"],
    ["src/isolate/a.ts", "../objects.ts"],
    ["src/isolate/a.ts", "cloudflare:workers"],
    ["src/instances/a.ts", "../contracts/a.ts"],
    ["src/instances/a.ts", "../policies/a.ts"],
    ["src/instances/a.ts", "../deadline.ts"],
    ["src/isolate/a.ts", "../instances/a.ts"],
    ["src/traffic/a.ts", "../instances/a.ts"],
    ["src/routes/a.ts", "../instances/a.ts"],
    ["durable-objects/session/a.ts", "../../src/instances/a.ts"],
    ["src/http/a.ts", "../log.ts"],
    ["src/isolate/a.ts", "../deadline.ts"],
    ["src/traffic/a.ts", "../log.ts"],
    ["src/traffic/a.ts", "../deadline.ts"],
    ["src/routes/a.ts", "../log.ts"],
    ["src/traffic/a.ts", "../isolate/a.ts"],
    ["src/traffic/a.ts", "../http/a.ts"],
    ["src/routes/a.ts", "../objects.ts"],
    ["src/routes/a.ts", "../isolate/a.ts"],
    ["src/router.ts", "./routes/a.ts"],
    ["src/router.ts", "itty-router"],
    ["src/router.ts", "./traffic/explain.ts"],
    ["src/routes/a.ts", "../../package.json"],
    ["src/index.ts", "./traffic/handle.ts"],
    ["src/index.ts", "./router.ts"],
    ["src/index.ts", "../durable-objects/index.ts"],
    ["durable-objects/index.ts", "./session/session-object.ts"],
    ["durable-objects/session/a.ts", "./session-tables.ts"],
    ["durable-objects/session/a.ts", "../migrate.ts"],
    ["durable-objects/session/a.ts", "../../migrations/session/index.ts"],
    ["durable-objects/session/a.ts", "../../src/policies/sessions/a.ts"],
    ["durable-objects/session/a.ts", "../../src/objects.ts"],
    ["durable-objects/session/a.ts", "../../src/log.ts"],
    ["durable-objects/session/a.ts", "../../src/deadline.ts"],
    ["durable-objects/session/a.ts", "cloudflare:workers"],
    ["migrations/session/index.ts", "./0001_init.sql"],
    ["migrations/session/index.ts", "../../durable-objects/migrate.ts"],
    ["examples/apps/auth/src/index.ts", "../../page.ts"],
    ["scripts/a.ts", "../src/policies/a.ts"],
    ["test/policies/a.ts", "../../durable-objects/index.ts"],
  ])("%s ← %s", (file, module) => {
    expect(problemsIn({ [file]: importing(module) })).toEqual([]);
  });
});

describe("an import against the arrows is named with its file and line", () => {
  it.each([
    ["src/contracts/a.ts", "../policies/a.ts"],
    ["src/contracts/a.ts", "cloudflare:workers"],
    ["src/contracts/a.ts", "node:crypto"],
    ["src/policies/routing/a.ts", "../../http/a.ts"],
    ["src/policies/routing/a.ts", "../../objects.ts"],
    ["src/policies/routing/a.ts", "cloudflare:workers"],
    ["src/policies/routing/a.ts", "node:crypto"],
    ["src/policies/routing/a.ts", "itty-router"],
    ["src/objects.ts", "./http/a.ts"],
    ["src/log.ts", "./contracts/a.ts"],
    ["src/log.ts", "valibot"],
    ["src/deadline.ts", "./log.ts"],
    ["src/contracts/a.ts", "../log.ts"],
    ["src/policies/routing/a.ts", "../../log.ts"],
    ["src/policies/routing/a.ts", "../../deadline.ts"],
    ["src/objects.ts", "../durable-objects/index.ts"],
    ["src/instances/a.ts", "../objects.ts"],
    ["src/instances/a.ts", "../isolate/a.ts"],
    ["src/instances/a.ts", "../http/a.ts"],
    ["src/http/a.ts", "../instances/a.ts"],
    ["src/policies/routing/a.ts", "../../instances/a.ts"],
    ["src/http/a.ts", "../routes/a.ts"],
    ["src/http/a.ts", "../traffic/a.ts"],
    ["src/http/a.ts", "../isolate/a.ts"],
    ["src/isolate/a.ts", "../routes/a.ts"],
    ["src/isolate/a.ts", "../traffic/a.ts"],
    ["src/isolate/a.ts", "../../durable-objects/session/a.ts"],
    ["src/traffic/a.ts", "../objects.ts"],
    ["src/traffic/a.ts", "../routes/a.ts"],
    ["src/traffic/a.ts", "../router.ts"],
    ["src/traffic/a.ts", "../../durable-objects/index.ts"],
    ["src/routes/a.ts", "../traffic/a.ts"],
    ["src/routes/a.ts", "../../durable-objects/session/a.ts"],
    ["src/router.ts", "./traffic/handle.ts"],
    ["src/routes/a.ts", "../traffic/explain.ts"],
    ["src/index.ts", "../durable-objects/session/session-object.ts"],
    ["src/index.ts", "./objects.ts"],
    ["src/routes/a.ts", "../../examples/apps/page.ts"],
    ["src/routes/a.ts", "../../scripts/a.ts"],
    ["durable-objects/session/a.ts", "../control-plane/a.ts"],
    ["durable-objects/session/a.ts", "../index.ts"],
    ["durable-objects/session/a.ts", "../../migrations/control-plane/index.ts"],
    ["durable-objects/session/a.ts", "../../src/http/reply.ts"],
    ["durable-objects/session/a.ts", "../../test/a.ts"],
    ["migrations/session/index.ts", "../../src/contracts/a.ts"],
    ["examples/apps/auth/src/index.ts", "../../../../src/contracts/a.ts"],
  ])("%s ← %s", (file, module) => {
    expect(problemsIn({ [file]: importing(module) })).toEqual([`${file}:2: must not import ${module}`]);
  });

  it.each([
    [`export { x } from "../traffic/a.ts";`],
    [`export * from "../traffic/a.ts";`],
    [`import type { X } from "../traffic/a.ts";`],
    [`import "../traffic/a.ts";`],
    [`const x = await import("../traffic/a.ts");`],
    [`type X = import("../traffic/a.ts").X;`],
    [`import {\n  x,\n} from "../traffic/a.ts";`],
    [`const from = 1; import x from '../traffic/a.ts';`],
  ])("in every form: %s", (statement) => {
    expect(problemsIn({ "src/routes/a.ts": `// Opens.\n${statement}\n` })).toEqual([
      expect.stringContaining("must not import ../traffic/a.ts"),
    ]);
  });

  it("names an import whose module only run time knows", () => {
    expect(problemsIn({ "src/routes/a.ts": "// Opens.\nawait import(name);\n" })).toEqual([
      "src/routes/a.ts:2: must not import what only run time knows",
    ]);
  });

  it("names a file of src that stands in no layer", () => {
    expect(problemsIn({ "src/extra/a.ts": "// Opens.\n" })).toEqual([
      expect.stringContaining("src/extra/a.ts:1: stands in no layer"),
    ]);
  });
});

describe("text that only looks like an import is not one", () => {
  it.each([
    [`// import { x } from "../traffic/a.ts";`],
    [`/* import { x } from "../traffic/a.ts"; */`],
    ['const text = `import { x } from "../traffic/a.ts";`;'],
    [`const text = 'import { x } from "../traffic/a.ts"';`],
    [`const pattern = /["'] import x from "..\\/traffic\\/a.ts"/;`],
    [`const text = \`\${\`import x from '../traffic/a.ts'\`}\`;`],
  ])("%s", (line) => {
    expect(problemsIn({ "src/routes/a.ts": `// Opens.\n${line}\n` })).toEqual([]);
  });

  it("and does not hide the import that follows it", () => {
    const source = 'const q = /["\'`]/; const half = 4 / 2; // it\'s\nimport { x } from "./a.ts";\n';
    expect(readImports(source)).toEqual([{ module: "./a.ts", line: 2 }]);
  });

  it("keeps line numbers when it blanks comments, strings and templates", () => {
    expect(codeOf("/* a\nb */ x\n`c\nd` y")).toBe("    \n     x\n  \n   y");
  });
});

describe("a policy is pure", () => {
  it.each([
    "Date.now()",
    "new Date()",
    "Math.random()",
    "crypto.getRandomValues(bytes)",
    "crypto.randomUUID()",
    "fetch(url)",
    "setTimeout(f)",
  ])("and is named when it uses %s", (expression) => {
    const problems = problemsIn({ "src/policies/a/a.ts": `// Opens.\n\nconst x = ${expression};\n` });
    expect(problems).toEqual([expect.stringMatching(/^src\/policies\/a\/a\.ts:3: a policy must not use /)]);
  });

  it.each(["new Date(nowMs)", "crypto.subtle", "// Date.now() comes in as nowMs", `"Date.now()"`, "target.fetch(x)"])(
    "and may say %s",
    (expression) => {
      expect(problemsIn({ "src/policies/a/a.ts": `// Opens.\n\nf(${expression}\n);\n` })).toEqual([]);
    },
  );

  it("while other files may read the clock", () => {
    expect(problemsIn({ "src/routes/a.ts": "// Opens.\nconst x = Date.now();\n" })).toEqual([]);
  });
});

describe("a file keeps its shape", () => {
  const lines = (count: number) => `// Opens.\n${"x;\n".repeat(count - 1)}`;

  it("up to 250 lines and no further", () => {
    expect(problemsIn({ "src/routes/a.ts": lines(250) })).toEqual([]);
    expect(problemsIn({ "scripts/a.ts": lines(251) })).toEqual([
      "scripts/a.ts:250: has 251 lines, at most 250 are allowed",
    ]);
  });

  it("opens with a comment, after #! at most", () => {
    expect(problemsIn({ "scripts/a.ts": "#!/usr/bin/env node\n// Opens.\n" })).toEqual([]);
    expect(problemsIn({ "durable-objects/migrate.ts": "const x = 1;\n// Late.\n" })).toEqual([
      "durable-objects/migrate.ts:1: must open with a comment that says what it owns",
    ]);
  });

  it("but a test may be as long as it likes", () => {
    expect(problemsIn({ "test/policies/a.test.ts": "x;\n".repeat(400) })).toEqual([]);
  });
});
