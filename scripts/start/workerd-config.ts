// Writes workerd's configuration: the Workers of a plane as Cap'n Proto text. Pure; holds the names of secrets, never values.
// N edge isolates run the same Worker and share the objects that one further service hosts.

import { bucketExtensions, bucketServices, bucketText } from "./bucket-simulator.ts";
import { list, quote, record } from "./capnp-text.ts";
import { HOST } from "./ports.ts";
import { bundleName, classesOf, type WorkerBinding, type WorkerSpec } from "./worker-spec.ts";

/** The service that hosts the plane's objects. */
const OBJECTS = "objects";
/** The folder on disk that holds every object's database. */
const DISK = "disk";
/** The name `globalOutbound` has by default. */
const INTERNET = "internet";

export type PlaneLayout = {
  readonly plane: WorkerSpec;
  readonly backends: readonly WorkerSpec[];
  /** One edge isolate per port. */
  readonly ports: readonly number[];
  /** Folder of the objects' databases, absolute. */
  readonly objects: string;
  /** Folder of the buckets' data, absolute; needed where a bucket is bound. */
  readonly buckets?: string;
  /** Hosts the plane's object classes in the plane's stead and serves on a port of its own. */
  readonly host?: { readonly worker: WorkerSpec; readonly port: number };
  readonly fleets?: readonly Fleet[];
};

/** A further Worker run as the plane is: isolates on ports of their own that share one set of objects. */
export type Fleet = {
  /** Its isolates are the services `name-0`, `name-1` …, and so are their sockets. */
  readonly name: string;
  readonly worker: WorkerSpec;
  readonly ports: readonly number[];
};

/** Also the names of the sockets, as workerd reports them when they listen. */
export const isolateName = (fleet: string, index: number): string => `${fleet}-${index}`;
export const edgeName = (index: number): string => isolateName("edge", index);

/** The text of a file that lies beside the bundles; its constant is called `config`. */
export function workerdConfig({ plane, backends, ports, objects, buckets, host, fleets = [] }: PlaneLayout): string {
  const edges = ports.map((_, index) => edgeName(index));
  const services = [
    ...edges.map((name) => record({ name: quote(name), worker: ".edge" })),
    record({ name: quote(OBJECTS), worker: worker(host?.worker ?? plane, hosting(plane, "signalbox")) }),
    ...fleets.flatMap(fleetServices),
    ...backends.map((backend) =>
      record({ name: quote(backend.name), worker: worker(backend, hosting(backend, backend.name)) }),
    ),
    record({ name: quote(DISK), disk: record({ path: quote(objects), writable: "true" }) }),
    record({ name: quote(INTERNET), network: outbound }),
    ...(buckets === undefined ? [] : bucketServices(buckets)),
  ];
  const extensions = buckets === undefined ? [] : [bucketExtensions()];
  const sockets = [
    ...ports.map((port, index) => socket(edgeName(index), port)),
    ...(host === undefined ? [] : [socket(OBJECTS, host.port)]),
    ...fleets.flatMap(({ name, ports }) => ports.map((port, index) => socket(isolateName(name, index), port))),
  ];
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  sockets = ${list(sockets)},
  services = ${list(services)},
  extensions = ${list(extensions)}
);

const edge :Workerd.Worker = ${worker(plane, hostedBy(OBJECTS))};
`;
}

const socket = (service: string, port: number): string =>
  record({ name: quote(service), address: quote(`${HOST}:${port}`), http: "()", service: quote(service) });

function fleetServices({ name, worker: spec, ports }: Fleet): readonly string[] {
  const host = `${name}-${OBJECTS}`;
  const isolates = ports.map((_, index) =>
    record({ name: quote(isolateName(name, index)), worker: worker(spec, hostedBy(host)) }),
  );
  const hosted = hosting(spec, name);
  return hosted === undefined ? isolates : [...isolates, record({ name: quote(host), worker: worker(spec, hosted) })];
}

/** Backends on this machine and in its networks are what a plane is for, so nothing is out of reach. */
const outbound = `(allow = ["public", "private", "local"], tlsOptions = (trustBrowserCas = true))`;

/** How a Worker names an object class: of its own service, or of the service that hosts it. */
type NamespaceOf = (className: string) => string;
const hostedBy =
  (service: string): NamespaceOf =>
  (className) =>
    record({ className: quote(className), serviceName: quote(service) });
type Hosting = { readonly prefix: string };

/** `prefix` is part of where objects lie on disk: it must stay the same from start to start. */
const hosting = (spec: WorkerSpec, prefix: string): Hosting | undefined =>
  classesOf(spec).length === 0 ? undefined : { prefix };

function worker(spec: WorkerSpec, place: NamespaceOf | Hosting | undefined): string {
  const namespace: NamespaceOf = typeof place === "function" ? place : quote;
  const hosted = typeof place === "object" ? hostedClasses(spec, place.prefix) : {};
  return record({
    modules: `[${record({ name: quote("index.js"), esModule: `embed ${quote(bundleName(spec))}` })}]`,
    compatibilityDate: quote(spec.compatibilityDate),
    compatibilityFlags: `[${spec.compatibilityFlags.map(quote).join(", ")}]`,
    bindings: list(spec.bindings.map((binding) => bindingText(binding, namespace))),
    ...hosted,
  });
}

const hostedClasses = (spec: WorkerSpec, prefix: string) => ({
  durableObjectNamespaces: list(
    classesOf(spec).map((name) =>
      record({ className: quote(name), uniqueKey: quote(`${prefix}-${name}`), enableSql: "true" }),
    ),
  ),
  durableObjectStorage: record({ localDisk: quote(DISK) }),
});

function bindingText(binding: WorkerBinding, namespace: NamespaceOf): string {
  const name = quote(binding.name);
  switch (binding.kind) {
    case "text":
      return record({ name, text: quote(binding.value) });
    case "json":
      return record({ name, json: quote(JSON.stringify(binding.value)) });
    case "secret":
      return record({ name, fromEnvironment: name });
    case "service":
      return record({ name, service: serviceText(binding) });
    case "objects":
      return record({ name, durableObjectNamespace: namespace(binding.className) });
    case "bucket":
      return record({ name, r2Bucket: bucketText(binding.bucket) });
  }
}

const serviceText = ({ service, entrypoint }: { readonly service: string; readonly entrypoint?: string }): string =>
  entrypoint === undefined ? quote(service) : record({ name: quote(service), entrypoint: quote(entrypoint) });
