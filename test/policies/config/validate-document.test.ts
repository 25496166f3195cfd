// A whole document as it is sent in: answered as it will be stored, or refused with every fault at its place.

import { describe, expect, it } from "vitest";
import type { BindingKind } from "../../../src/contracts/bindings.ts";
import { DOCUMENT_BYTES_MAX, validateDocument } from "../../../src/policies/config/validate-document.ts";

const bindings = new Map<string, BindingKind>([["APP", "service"]]);
const validate = (value: unknown) => validateDocument(value, bindings);
const problemsOf = (value: unknown): string[] => {
  const valid = validate(value);
  if (valid.ok) return [];
  expect(valid.code).toBe("invalid_config");
  const problems = (valid.data?.problems ?? []) as { path: string }[];
  return problems.map(({ path }) => path);
};

const pools = { p: { instances: [{ id: "a", binding: "APP" }] } };

describe("a document", () => {
  it("that can work is answered as it will be stored, with its warnings", () => {
    const valid = validate({ pools: { p: { ...pools.p, hash: { key: "user" } } } });
    expect(valid).toMatchObject({ ok: true, value: { warnings: [{ path: "pools.p.hash" }] } });
    expect(valid.ok && JSON.parse(valid.value.text)).toEqual(valid.ok && valid.value.document);
  });

  it.each<[unknown, string[]]>([
    [null, [""]],
    [[], [""]],
    ["{}", [""]],
    [{ colour: 1, size: 2 }, ["colour", "size"]],
    [{ routes: [{ id: "r" }] }, ["routes[0].pool"]],
    [{ pools: { "a.b": { weight: 1 } } }, ['pools["a.b"].weight']],
  ])("%j is refused by its shape", (value, paths) => {
    expect(problemsOf(value)).toEqual(paths);
  });

  it("is refused for keys that are no data, wherever they are", () => {
    const value: unknown = JSON.parse(
      '{"__proto__":{},"pools":{"constructor":{"instances":[]}},"routes":[{"id":"r","pool":"p","prototype":1}]}',
    );
    expect(problemsOf(value).sort()).toEqual(["__proto__", "pools.constructor", "routes[0].prototype"]);
  });

  it("names faults of both kinds at once, each at its own place", () => {
    const value = {
      domain: "UPPER",
      pools: { ...pools, bad: { colour: 1 }, gone: { instances: [{ id: "x", binding: "GONE" }] } },
      limits: { odd: { key: "shoe", limit: 1, windowMs: 1_000 } },
      routes: [
        { id: "a", pool: "p", timeoutMs: "soon" },
        { id: "b", pool: "nope" },
        { id: "c", pool: "bad", path: "/c", limits: ["odd"] },
        { id: "d", pool: "p", host: "@", path: "/d" },
        5,
        { id: "e", pool: "p", path: "/x" },
        { id: "f", pool: "p", path: "/x" },
      ],
    };
    expect(problemsOf(value).sort()).toEqual([
      "domain",
      "limits.odd.key",
      "pools.bad.colour",
      "pools.gone.instances[0].binding",
      "routes[0].timeoutMs",
      "routes[1].pool",
      "routes[4]",
      "routes[6]",
    ]);
  });

  it("names the twin of a route by its own place, though routes before it don't fit", () => {
    const valid = validate({ pools, routes: [{ id: "a" }, { id: "b", pool: "p" }, { id: "c", pool: "p" }] });
    const problems = valid.ok ? [] : (valid.data?.problems as { path: string; message: string }[]);
    expect(problems.at(-1)).toEqual({ path: "routes[2]", message: "no request can tell this route from routes[1]" });
  });

  it("may nest to a depth and hold a size, and no more", () => {
    expect(problemsOf(JSON.parse(`${'{"a":'.repeat(40)}1${"}".repeat(40)}`))).toEqual([""]);
    const sized = (features: number) => ({
      pools: {
        p: {
          instances: Array.from({ length: 1_000 }, (_, index) => ({
            id: `i${index}`,
            binding: "APP",
            features: Array.from({ length: features }, () => "f".repeat(64)),
          })),
        },
      },
    });
    expect(JSON.stringify(sized(14)).length).toBeLessThan(DOCUMENT_BYTES_MAX);
    expect(problemsOf(sized(14))).toEqual([]);
    expect(JSON.stringify(sized(16)).length).toBeGreaterThan(DOCUMENT_BYTES_MAX);
    expect(problemsOf(sized(16))).toEqual([""]);
  });

  it("has at most a hundred problems named", () => {
    expect(
      problemsOf({ routes: Array.from({ length: 300 }, (_, index) => ({ id: `r${index}`, pool: "x" })) }),
    ).toHaveLength(100);
    expect(problemsOf({ routes: Array.from({ length: 300 }, () => 1) })).toHaveLength(100);
  });
});
