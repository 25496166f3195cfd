// Sends requests through the exported Worker as if they had come from outside, and reads each answer to its end:
// an instance is busy until then. Used by the tests of both halves of src; ends what requests left running after a file's last test.

import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterAll, expect, vi } from "vitest";
import { findText } from "../../src/contracts/bindings.ts";
import worker from "../../src/index.ts";
import { withGenerousLimits } from "../generous-limits.ts";

export type Sent = {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as it is when it is text or a stream, else as JSON. */
  readonly body?: unknown;
  /** What the socket is known by: `address:port`. */
  readonly peer?: string;
  /** Over the test's own environment; undefined takes a binding away. */
  readonly vars?: { readonly [name: string]: unknown };
};
export type Answer = { readonly status: number; readonly headers: Headers; readonly text: string };

export const asAdmin = { "X-Admin-Secret": env.ADMIN_SECRET };
/** What the plane itself sends to backends. */
export const BACKEND_API_KEY = findText(env, "BACKEND_API_KEY") ?? "";

const contexts: ExecutionContext[] = [];

/** `where` is a path on localhost, or a whole URL whose host becomes the Host header. */
export async function send(where: string, sent: Sent = {}): Promise<Answer> {
  const response = await open(where, sent);
  return { status: response.status, headers: response.headers, text: await response.text() };
}

/** The answer as soon as it begins: whoever asks for it reads or cancels its body. */
export async function open(where: string, { method, headers = {}, body, peer, vars }: Sent = {}): Promise<Response> {
  const url = where.startsWith("/") ? `http://localhost${where}` : where;
  const host = url.slice(url.indexOf("://") + 3).split("/", 1)[0] ?? "";
  const request = new Request<unknown, IncomingRequestCfProperties>(url, {
    method: method ?? (body === undefined ? "GET" : "POST"),
    headers: { Host: host, ...(isJson(body) && { "Content-Type": "application/json" }), ...headers },
    ...(body !== undefined && { body: isJson(body) ? JSON.stringify(body) : (body as BodyInit) }),
    ...(peer !== undefined && { cf: { clientIp: peer } as unknown as IncomingRequestCfProperties }),
  });
  const ctx = createExecutionContext();
  contexts.push(ctx);
  return await worker.fetch(request, vars === undefined ? env : environment(vars), ctx);
}

/** An operator's call. */
export const sendAsAdmin = (where: string, sent: Sent = {}): Promise<Answer> =>
  send(where, { ...sent, headers: { ...asAdmin, ...sent.headers } });

export const jsonOf = ({ text }: Answer): Record<string, unknown> => JSON.parse(text) as Record<string, unknown>;

/** Puts a configuration in force in which only the document's own limits are ever met. */
export const configure = (document: object): Promise<void> => configureExactly(withGenerousLimits(document));

/** Puts a configuration in force as it is, and waits until this isolate acts on it. */
export async function configureExactly(document: object): Promise<void> {
  const put = await sendAsAdmin("/api/super/config", { method: "PUT", body: document });
  expect([put.status, put.text]).toEqual([200, put.text]);
  const { version } = jsonOf(put);
  const asked = { body: { url: "http://localhost/" } };
  await vi.waitFor(
    async () => {
      const { config } = jsonOf(await sendAsAdmin("/api/super/explain", asked));
      expect(config).toEqual({ version, stale: false });
    },
    { timeout: 5_000, interval: 10 },
  );
}

function environment(vars: NonNullable<Sent["vars"]>): Env {
  const changed = Object.defineProperties({ ...env }, Object.getOwnPropertyDescriptors(vars));
  for (const name of Object.keys(vars)) if (taken(vars, name)) Reflect.deleteProperty(changed, name);
  return changed;
}

/** Without asking a getter, which may be there to fail. */
const taken = (vars: object, name: string): boolean => {
  const property = Object.getOwnPropertyDescriptor(vars, name);
  return property?.get === undefined && property?.value === undefined;
};

const isJson = (body: unknown): boolean =>
  body !== undefined && typeof body !== "string" && !(body instanceof ReadableStream);

afterAll(async () => {
  for (const ctx of contexts.splice(0)) await waitOnExecutionContext(ctx);
});

/** An object that does not answer: every verb of it fails with `error`. */
export const downObject = (error: Error = new Error("the object is down")) => ({
  getByName: () => new Proxy({}, { get: () => () => Promise.reject(error) }),
});
