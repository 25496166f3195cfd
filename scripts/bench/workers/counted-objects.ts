// The plane's own object classes, unchanged, with every call of a public method counted on the way in, and every row written.
// Hosts them in the plane's stead in the counting run of the bench; `GET /` tells the counts since the start.

import * as classes from "../../../durable-objects/index.ts";

export {
  ControlPlane,
  Directory,
  ExecResultStore,
  HealthMonitor,
  RateLimiter,
  Revocations,
  Session,
  WorkerRegistry,
} from "../../../durable-objects/index.ts";

/** `Class.method` → calls, `Class.rowsWritten` → rows. One isolate hosts all objects, so this sees every one of them. */
const counts = new Map<string, number>();
const add = (what: string, more: number): void => void counts.set(what, (counts.get(what) ?? 0) + more);

for (const [name, value] of Object.entries(classes)) {
  if (typeof value === "function") countCalls(name, value.prototype as object);
}

function countCalls(className: string, prototype: object): void {
  for (const [method, { value }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    if (method === "constructor" || typeof value !== "function") continue;
    const key = `${className}.${method}`;
    const counted = function (this: unknown, ...args: unknown[]): unknown {
      add(key, 1);
      countRows(className, this);
      return Reflect.apply(value, this, args);
    };
    Object.defineProperty(prototype, method, { value: counted, configurable: true, writable: true });
  }
}

type Storage = { readonly ctx?: { readonly storage: DurableObjectStorage } };
const watched = new WeakSet<SqlStorage>();

/** Statements that write run as they are given, so what they wrote is known at once. */
function countRows(className: string, object: unknown): void {
  const sql = (object as Storage).ctx?.storage.sql;
  if (sql === undefined || watched.has(sql)) return;
  watched.add(sql);
  const exec = sql.exec.bind(sql);
  const counted: typeof sql.exec = (query, ...bindings) => {
    const cursor = exec(query, ...bindings);
    add(`${className}.rowsWritten`, cursor.rowsWritten);
    return cursor as never;
  };
  Object.defineProperty(sql, "exec", { value: counted, configurable: true });
}

export default {
  fetch: () => Response.json(Object.fromEntries(counts)),
} satisfies ExportedHandler;
