// The plane's own object classes, unchanged, with every call of a public method counted on the way in.
// Hosts them in the plane's stead in the counting run of the bench; `GET /` tells the counts since the start.

import * as classes from "../../../durable-objects/index.ts";

export { ControlPlane, Revocations, Session, WorkerRegistry } from "../../../durable-objects/index.ts";

/** `Class.method` → calls. One isolate hosts all objects, so this sees every one of them. */
const calls = new Map<string, number>();

for (const [name, value] of Object.entries(classes)) {
  if (typeof value === "function") countCalls(name, value.prototype as object);
}

function countCalls(className: string, prototype: object): void {
  for (const [method, { value }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    if (method === "constructor" || typeof value !== "function") continue;
    const key = `${className}.${method}`;
    const counted = function (this: unknown, ...args: unknown[]): unknown {
      calls.set(key, (calls.get(key) ?? 0) + 1);
      return Reflect.apply(value, this, args);
    };
    Object.defineProperty(prototype, method, { value: counted, configurable: true, writable: true });
  }
}

export default {
  fetch: () => Response.json(Object.fromEntries(calls)),
} satisfies ExportedHandler;
