// What may be asked to be run, both sides of every bound, and with which words the rest is refused.

import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { ExecId, ExecRequest } from "../../src/contracts/exec.ts";
import { listProblems } from "../../src/contracts/problems.ts";
import { orderText, toOrder } from "../../src/policies/exec/exec-order.ts";

const problemsOf = (body: unknown): string[] => {
  const parsed = v.safeParse(ExecRequest, body);
  return parsed.success ? [] : listProblems(parsed.issues).map(({ path, message }) => `${path} ${message}`);
};
const entries = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`N${i}`, "x"]));

describe("a request", () => {
  it("needs no more than a command: 30 s, no environment, the user's own folder", () => {
    expect(v.parse(ExecRequest, { command: "echo hello" })).toEqual({
      ...{ command: "echo hello", timeout: 30_000, env: {}, workingDir: "." },
    });
  });

  it.each([
    ["a command of 64 KiB", { command: "x".repeat(65_536) }],
    ["arguments of 64 KiB", { argv: ["x", "y".repeat(65_535)] }],
    ["1,000 arguments, empty ones too", { argv: ["x", ...Array.from({ length: 999 }, () => "")] }],
    ["1,000 variables", { command: "x", env: entries(1_000) }],
    ["300 s", { command: "x", timeout: 300_000 }],
    ["a folder that is left and entered again", { command: "x", workingDir: "a/../b/./c/" }],
    [
      "metacharacters everywhere",
      { argv: ["$(a)", "`b`", "; c", "-d"], env: { E: "$(e) 'f\" \n" }, workingDir: "g; h $(i)" },
    ],
  ])("with %s is taken", (_, body) => {
    expect(problemsOf(body)).toEqual([]);
  });

  it.each([
    ["neither command nor argv", {}, "command give either command or argv"],
    ["both", { command: "x", argv: ["x"] }, "command give either command or argv"],
    ["an empty command", { command: "" }, "command must not be empty"],
    ["a command beyond 64 KiB", { command: "x".repeat(65_537) }, "command must be at most 65536 bytes"],
    ["a command beyond 64 KiB of UTF-8", { command: "é".repeat(32_769) }, "command must be at most 65536 bytes"],
    ["NUL in the command", { command: "a\0b" }, "command must not contain NUL"],
    ["half a character", { command: "\ud800" }, "command must be well-formed Unicode"],
    ["no program", { argv: [] }, "argv must name a program"],
    ["an empty program", { argv: ["", "a"] }, "argv must name a program"],
    ["NUL in an argument", { argv: ["a", "\0"] }, "argv[1] must not contain NUL"],
    ["1,001 arguments", { argv: Array(1_001).fill("a") }, "argv must have at most 1000 entries"],
    ["1,001 variables", { command: "x", env: entries(1_001) }, "env must have at most 1000 entries"],
    ["NUL in a variable", { command: "x", env: { A: "\0" } }, "env.A must not contain NUL"],
    [
      "arguments beyond 64 KiB of UTF-8 together",
      { argv: ["x", "é".repeat(20_000), "é".repeat(20_000)] },
      "argv must be at most 65536 bytes together",
    ],
    ...["__proto__", "constructor", "prototype"].map((name): [string, unknown, string] => [
      `a variable called ${name}, which would be lost`,
      { command: "x", env: JSON.parse(`{"${name}":"y"}`) },
      "env a name must not be one of __proto__, constructor, prototype",
    ]),
    ["a list for the variables", { command: "x", env: [] }, "env must be an object"],
    ["no milliseconds", { command: "x", timeout: 0 }, "timeout must be at least 1"],
    ["more than 300 s", { command: "x", timeout: 300_001 }, "timeout must be at most 300000"],
    ["NUL in the folder", { command: "x", workingDir: "a\0" }, "workingDir must not contain NUL"],
    ["a field nobody knows", { command: "x", cwd: "a" }, "cwd is not a known field"],
  ])("with %s is refused by its field", (_, body, problem) => {
    expect(problemsOf(body)).toContain(problem);
  });

  it.each(["..", "../u2", "a/../..", "a/../../u2/b", "/", "/etc", "./../x", "a//../../b"])(
    "with the folder %s is refused: it is not the user's",
    (workingDir) => {
      expect(problemsOf({ command: "x", workingDir })).toEqual([
        "workingDir must be a relative path that stays in the user's folder",
      ]);
    },
  );

  it.each(["", "1A", "A B", "A=B", "A-B", "A\0", "é"])("with a variable called %j is refused", (name) => {
    expect(problemsOf({ command: "x", env: { [name]: "x" } })).toHaveLength(1);
  });
});

it("an exec's id is letters, digits, - and _", () => {
  expect(["a", "A-1_b", "x".repeat(64)].every((id) => v.is(ExecId, id))).toBe(true);
  expect(["", "-a", "a/b", "a.b", "x".repeat(65), "a\n"].some((id) => v.is(ExecId, id))).toBe(false);
});

it("the text of an order tells apart what is run differently, and nothing else", () => {
  const text = (body: object) => orderText(toOrder(v.parse(ExecRequest, body)));
  const same = [
    { command: "a b", env: { A: "1", B: "2" } },
    { command: "a b", env: { B: "2", A: "1" }, timeout: 30_000, workingDir: ".", execId: "x" },
  ];
  expect(new Set(same.map(text)).size).toBe(1);
  const others = [
    ...[{ command: "a b" }, { argv: ["a b"] }, { argv: ["a", "b"] }, { command: "a b", timeout: 1 }],
    ...[
      { command: "a b", workingDir: "c" },
      { command: "a b", env: { A: "" } },
    ],
  ];
  expect(new Set(others.map(text)).size).toBe(others.length);
});
