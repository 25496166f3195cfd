// What the environment offers, read by computed name: the only place that looks into Env without its types.
// Pure over a plain object, so scripts and tests can describe an environment that is not running.

export type BindingKind = "service" | "text" | "other";
/** Name → kind of everything bound. A text binding that is empty is still bound. */
export type Bindings = ReadonlyMap<string, BindingKind>;

/** How discovery names backends: PREFIX_1 … PREFIX_100, gaps allowed (R14). */
export const DISCOVERY_MAX = 100;

const kindOf = (value: unknown): BindingKind => {
  if (typeof value === "string") return "text";
  if (typeof value !== "object" || value === null) return "other";
  // Object namespaces have no `fetch` of their own; service bindings answer `fetch` and any RPC name.
  return Object.prototype.toString.call(value) === "[object Fetcher]" ? "service" : "other";
};

export const describeBindings = (env: object): Bindings =>
  new Map(Object.entries(env).map(([name, value]) => [name, kindOf(value)]));

/** What was seen to be a service: telling it from its text costs more than a lookup, and traffic asks per request. */
const services = new WeakSet<object>();

/** The service bound under `name`, or undefined where there is none or it is something else. */
export function findService(env: object, name: string): Fetcher | undefined {
  const value: unknown = Reflect.get(env, name);
  if (typeof value !== "object" || value === null) return undefined;
  if (!services.has(value)) {
    if (kindOf(value) !== "service") return undefined;
    services.add(value);
  }
  return value as Fetcher;
}

/** The text bound under `name`: a variable or a secret. */
export const findText = (env: object, name: string): string | undefined => {
  const value: unknown = Reflect.get(env, name);
  return typeof value === "string" ? value : undefined;
};
