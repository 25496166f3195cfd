// What is bound in an environment, and as what.

import { expect, it } from "vitest";
import { describeBindings, findService, findText } from "../../src/contracts/bindings.ts";

/** Bound objects are told apart by the tag the runtime gives them (objects/control-plane-bindings.test.ts looks at real ones). */
const bound = (tag: string) => ({
  get [Symbol.toStringTag]() {
    return tag;
  },
});
const env = {
  APP: bound("Fetcher"),
  CONTROL: bound("DurableObjectNamespace"),
  EMPTY: "",
  TEXT: "x",
  JSON: { fetch: () => undefined },
  VERSION: null,
};

it("tells services and texts from everything else", () => {
  expect([...describeBindings(env)]).toEqual([
    ["APP", "service"],
    ["CONTROL", "other"],
    ["EMPTY", "text"],
    ["TEXT", "text"],
    ["JSON", "other"],
    ["VERSION", "other"],
  ]);
});

it("finds a service or a text under its name, and nothing else", () => {
  expect(findService(env, "APP")).toBe(env.APP);
  for (const name of ["CONTROL", "TEXT", "JSON", "MISSING", "toString", "__proto__"]) {
    expect(findService(env, name)).toBeUndefined();
  }
  expect([findText(env, "TEXT"), findText(env, "EMPTY")]).toEqual(["x", ""]);
  for (const name of ["APP", "MISSING", "constructor"]) expect(findText(env, name)).toBeUndefined();
});
