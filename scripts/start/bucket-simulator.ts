// R2 buckets on this machine: the simulator that wrangler uses in development, run as a service of the plane's own workerd with its
// objects and blobs on local disk. Its modules come from wrangler's package and are copied beside the bundles.

import { copyFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { list, quote, record } from "./capnp-text.ts";

const ENTRY = "bucket-entry";
const SIMULATOR = "bucket-simulator";
const DISK = "bucket-disk";
/** What the simulator would tell its development server. */
const NOBODY = "bucket-nobody";

/** Module's file beside the bundles → where it lies in miniflare. */
const MODULES = {
  "bucket-entry.js": "shared/object-entry.worker.js",
  "bucket-simulator.js": "r2/bucket.worker.js",
  "miniflare-shared.js": "shared/index.worker.js",
  "miniflare-zod.js": "shared/zod.worker.js",
} as const;
type ModuleFile = keyof typeof MODULES;

/** Into the folder that workerd's configuration lies in. */
export function copySimulator(folder: string): void {
  // Wrangler brings the simulator along; nothing says that it lies beside wrangler.
  const wrangler = createRequire(createRequire(import.meta.url).resolve("wrangler/package.json"));
  const workers = path.join(path.dirname(wrangler.resolve("miniflare")), "workers");
  for (const [file, source] of Object.entries(MODULES))
    copyFileSync(path.join(workers, source), path.join(folder, file));
}

/** How a Worker's binding names a bucket. */
export const bucketText = (bucket: string): string =>
  record({ name: quote(ENTRY), props: record({ json: quote(JSON.stringify({ MINIFLARE_NAMESPACE: bucket })) }) });

/** The services behind all buckets, whose data lies in `folder`. */
export function bucketServices(folder: string): readonly string[] {
  const object = (service: string) =>
    record({
      name: quote("MINIFLARE_OBJECT"),
      durableObjectNamespace: record({ className: quote(CLASS), serviceName: quote(service) }),
    });
  const binding = (name: string, service: string) => record({ name: quote(name), service: quote(service) });
  return [
    service(ENTRY, { ...worker(embedded("bucket-entry.js")), bindings: list([object(SIMULATOR)]) }),
    service(SIMULATOR, {
      ...worker(embedded("bucket-simulator.js")),
      // It prepares its statements, which workerd lets only those do that run under this flag.
      compatibilityFlags: list([quote("nodejs_compat"), quote("experimental")]),
      durableObjectNamespaces: list([
        record({ className: quote(CLASS), uniqueKey: quote(`miniflare-${CLASS}`), enableSql: "true" }),
      ]),
      durableObjectStorage: record({ localDisk: quote(DISK) }),
      bindings: list([binding("MINIFLARE_BLOBS", DISK), binding("MINIFLARE_LOOPBACK", NOBODY)]),
    }),
    service(NOBODY, worker(quote("export default { fetch: () => new Response(null, { status: 204 }) };"))),
    record({ name: quote(DISK), disk: record({ path: quote(folder), writable: "true" }) }),
  ];
}

/** What the simulator's modules import by name. */
export const bucketExtensions = (): string =>
  record({
    modules: list([
      record({ name: quote("miniflare:shared"), esModule: embedded("miniflare-shared.js") }),
      record({ name: quote("miniflare:zod"), esModule: embedded("miniflare-zod.js") }),
    ]),
  });

const CLASS = "R2BucketObject";

const embedded = (file: ModuleFile): string => `embed ${quote(file)}`;

const worker = (esModule: string): Readonly<Record<string, string>> => ({
  modules: list([record({ name: quote("index.js"), esModule })]),
  // As miniflare runs them.
  compatibilityDate: quote("2023-07-24"),
});

const service = (name: string, fields: Readonly<Record<string, string>>): string =>
  record({ name: quote(name), worker: record(fields) });
