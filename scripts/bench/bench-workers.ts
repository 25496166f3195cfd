// The Workers of the bench as plain data: the plane as its wrangler.jsonc describes it, with the bench's backends in place
// of the apps, and the Workers it is compared with, all under the plane's own compatibility date and flags.

import { randomUUID } from "node:crypto";
import path from "node:path";
import { planeWorker } from "../start/plane-workers.ts";
import type { WorkerBinding, WorkerSpec } from "../start/worker-spec.ts";
import { readWranglerFile } from "../start/wrangler-file.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const ECHO = "bench-echo";
const BACKENDS = ["bench-1", "bench-2", "bench-3", "bench-4"] as const;

/** Binding name → service, as the plane and every Worker beside it has them. */
const TO_BACKENDS = BACKENDS.map((service, index) => ({ binding: `BENCH_${index + 1}`, service }));
/** Backends whose answers don't declare their length. */
const UNDECLARED = "bench-undeclared";
const TO_UNDECLARED = BACKENDS.map((_, index) => ({ binding: `BENCH_UNDECLARED_${index + 1}`, service: UNDECLARED }));
export const UNDECLARED_BINDINGS: readonly string[] = TO_UNDECLARED.map(({ binding }) => binding);
/** The same names, all leading to the echo. */
const TO_ECHO = BACKENDS.map((_, index) => ({ binding: `BENCH_${index + 1}`, service: ECHO }));
export const ECHO_BINDING = "BENCH_ECHO";
export const BACKEND_BINDINGS: readonly string[] = TO_BACKENDS.map(({ binding }) => binding);

export const SECRETS = ["ADMIN_SECRET", "SESSION_KEYS"] as const;

export type BenchWorkers = {
  readonly plane: WorkerSpec;
  /** The plane's object classes, counting their calls. */
  readonly countedObjects: WorkerSpec;
  readonly backends: readonly WorkerSpec[];
  readonly passThrough: WorkerSpec;
  readonly passThroughToEcho: WorkerSpec;
  readonly urlPassThrough: WorkerSpec;
  readonly perRequest: WorkerSpec;
  readonly oneCommit: WorkerSpec;
};

/** `origins` are URLs without a trailing slash. */
export function benchWorkers(origins: readonly string[]): BenchWorkers {
  const plane = planeOf();
  const beside = (name: string, source: string, bindings: readonly WorkerBinding[]): WorkerSpec => ({
    ...plane,
    name,
    entry: path.join(import.meta.dirname, "workers", source),
    bindings,
  });
  return {
    plane,
    countedObjects: beside("counted-objects", "counted-objects.ts", plane.bindings),
    backends: [
      ...BACKENDS.map((name) => beside(name, "fixed-body.ts", [])),
      beside(UNDECLARED, "undeclared-body.ts", []),
      beside(ECHO, "header-echo.ts", []),
    ],
    passThrough: beside("pass-through", "pass-through.ts", services(TO_BACKENDS)),
    passThroughToEcho: beside("pass-through-to-echo", "pass-through.ts", services(TO_ECHO)),
    urlPassThrough: beside("url-pass-through", "url-pass-through.ts", [
      { kind: "json", name: "ORIGINS", value: origins },
    ]),
    perRequest: beside("per-request", "per-request.ts", [...services(TO_BACKENDS), ...PER_REQUEST_OBJECTS]),
    oneCommit: beside("one-commit", "one-commit.ts", [...services(TO_BACKENDS), LIMIT_WINDOW]),
  };
}

/** Set as `npm start` sets them: no proxy stands in front, one log of revocations. */
function planeOf(): WorkerSpec {
  const file = readWranglerFile(path.join(ROOT, "wrangler.jsonc"));
  const behind = [...TO_BACKENDS, ...TO_UNDECLARED, { binding: ECHO_BINDING, service: ECHO }];
  return planeWorker(
    { ...file, services: behind, r2_buckets: [] },
    {
      vars: { CLIENT_IP_SOURCE: "peer", REVOCATION_REPLICAS: "1", RATE_LIMIT_SHARDS: "1", CONFIG_FILE: "" },
      secrets: SECRETS,
      version: { id: randomUUID(), tag: "bench", timestamp: new Date().toISOString() },
    },
  );
}

const services = (to: readonly { readonly binding: string; readonly service: string }[]): readonly WorkerBinding[] =>
  to.map(({ binding, service }) => ({ kind: "service", name: binding, service }));

const LIMIT_WINDOW: WorkerBinding = { kind: "objects", name: "LIMIT_WINDOW", className: "LimitWindow" };
const PER_REQUEST_OBJECTS: readonly WorkerBinding[] = [
  { kind: "objects", name: "SESSION_RECORD", className: "SessionRecord" },
  LIMIT_WINDOW,
  { kind: "objects", name: "INSTANCE_ROSTER", className: "InstanceRoster" },
  { kind: "objects", name: "REQUEST_TALLY", className: "RequestTally" },
];
