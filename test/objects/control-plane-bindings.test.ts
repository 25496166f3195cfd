// What the runtime's own bindings look like to describeBindings, in the Worker and in an object.

import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { describeBindings, findService } from "../../src/contracts/bindings.ts";

const kinds = (bindings: ReturnType<typeof describeBindings>) =>
  ["AUTH_APP", "BACKEND_SERVICE_1", "CONTROL", "VERSION", "ENVIRONMENT", "CONFIG_FILE", "MISSING"].map((name) =>
    bindings.get(name),
  );
const EXPECTED = ["service", "service", "other", "other", "text", "text", undefined];

it("services, objects and texts are told apart in the Worker", () => {
  expect(kinds(describeBindings(env))).toEqual(EXPECTED);
});

it("and in an object", async () => {
  const stub = env.CONTROL.getByName("control-plane-bindings");
  const described = await runInDurableObject(stub, (object) => describeBindings(Reflect.get(object, "env")));
  expect(kinds(described)).toEqual(EXPECTED);
});

it("what is found as a service can be called, and an object namespace is not found as one", async () => {
  const answer = await findService(env, "AUTH_APP")?.fetch("http://any/x");
  expect(await answer?.json()).toMatchObject({ app: "motr-auth" });
  expect(findService(env, "CONTROL")).toBeUndefined();
});
