// What becomes of each request header on its way to a backend, decided by its name alone.

/** `pass` forwards; `drop` removes; the others are read by the data plane, which decides itself. */
export type HeaderRule =
  | "pass"
  | "drop"
  | "host"
  | "cookie"
  | "connection"
  | "upgrade"
  | "credential"
  | "admin-secret"
  | "request-id"
  | "traceparent"
  | "content-length"
  | "edge";

const NAMED: { readonly [name: string]: HeaderRule } = {
  host: "host",
  cookie: "cookie",
  connection: "connection",
  upgrade: "upgrade",
  authorization: "credential",
  "x-api-key": "credential",
  "x-admin-secret": "admin-secret",
  "x-request-id": "request-id",
  traceparent: "traceparent",
  "content-length": "content-length",
  // ours: what a client says about itself is never believed
  forwarded: "drop",
  "x-real-ip": "drop",
};

/** End at this hop, in requests and in responses (RFC 9110 §7.6.1), and with them credentials meant for a proxy. */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** `name` is lower-case, as the runtime lists it. Names with `_` that read like ours are dropped with them. */
export function headerRule(name: string): HeaderRule {
  // Would be read as a property of every object; no honest client sends it.
  if (name === "__proto__") return "drop";
  const spelled = name.includes("_") ? name.replaceAll("_", "-") : name;
  if (spelled.startsWith("x-session-") || spelled.startsWith("x-signalbox-") || spelled.startsWith("x-forwarded-"))
    return "drop";
  if (spelled.startsWith("cf-")) return spelled === name ? "edge" : "drop";
  const rule = Object.hasOwn(NAMED, spelled) ? NAMED[spelled] : HOP_BY_HOP.has(spelled) ? "drop" : undefined;
  if (rule === undefined) return "pass";
  return spelled === name ? rule : "drop";
}

/** The names a Connection header nominates, lower-case. */
export const nominatedBy = (connection: string): string[] =>
  connection
    .split(",")
    .map((name) => name.trim().toLowerCase())
    .filter((name) => TOKEN.test(name));

/** RFC 9110 §5.6.2; anything else names no header. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
