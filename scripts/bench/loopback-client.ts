// Asks a server on this machine one question at a time over kept connections: for setting up and checking, never for measuring.

import { Agent, type IncomingHttpHeaders, request } from "node:http";
import { HOST } from "../start/ports.ts";

export type Question = {
  readonly port: number;
  readonly path: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
};
export type Answer = { readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: string };

const ANSWER_MS = 10_000;
const agent = new Agent({ keepAlive: true, maxSockets: 64 });

/** Rejects when there is no answer within 10 s. A `body` is sent as JSON. */
export function ask({ port, path, method = "GET", headers = {}, body }: Question): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const sent = body === undefined ? undefined : JSON.stringify(body);
  const asJson: Record<string, string> = sent === undefined ? {} : { "Content-Type": "application/json" };
  const question = request({ host: HOST, port, path, method, agent, headers: { ...headers, ...asJson } });
  question.setTimeout(ANSWER_MS, () =>
    question.destroy(new Error(`no answer from port ${port} within ${ANSWER_MS} ms`)),
  );
  question.on("error", reject);
  question.on("response", (response) => {
    let text = "";
    response.setEncoding("utf8");
    response.on("data", (chunk: string) => {
      text += chunk;
    });
    response.on("error", reject);
    response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
  });
  question.end(sent);
  return promise;
}

/** Runs `work` on every item, at most `concurrency` at a time; the first failure ends it. */
export async function forEachBounded<T>(
  items: readonly T[],
  concurrency: number,
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  const queue = items.entries();
  const drain = async () => {
    for (const [index, item] of queue) await work(item, index);
  };
  await Promise.all(Array.from({ length: concurrency }, drain));
}
