// An exec's output as it comes, as server-sent events that a client can take up where it left them (exec-events.ts).

import type { IRequestStrict } from "itty-router";
import * as v from "valibot";
import type { ExecOutput } from "../contracts/exec.ts";
import type { Result } from "../contracts/refusals.ts";
import { readQuery, wholeNumber } from "../http/query.ts";
import { reply } from "../http/reply.ts";
import { requestIdOf } from "../http/request-id.ts";
import { log } from "../log.ts";
import { callExecs } from "../objects.ts";
import { hasSeenEnd, toEvents } from "../policies/exec/exec-events.ts";
import { execOf } from "./exec.ts";

/** A silent stream says so that often. */
const WAIT_MS = 10_000;
const StreamStart = v.strictObject({ after: v.optional(wholeNumber(0, Number.MAX_SAFE_INTEGER)) });

/**
 * GET …/exec/{execId}/stream?after: text/event-stream, from the beginning, or behind `Last-Event-ID` or `after`; 404 unknown_exec.
 * 204 to who has seen the end: a browser's EventSource asks no more then.
 */
export const streamExec = async (request: IRequestStrict, env: Env): Promise<Response> => {
  const { userId, execId } = execOf(request);
  const after = startOf(request);
  const follow = (behind: number, waitMs: number) =>
    callExecs(env, userId, (execs) => execs.follow({ execId, after: behind, waitMs }));
  const first = await follow(after, 0);
  if (!first.ok) return reply(request, first);
  const headers = { "Cache-Control": "no-store", "X-Request-Id": requestIdOf(request) };
  if (hasSeenEnd(first.value, after)) return new Response(null, { status: 204, headers });
  const body = eventStream(first, { after, follow: (behind) => follow(behind, WAIT_MS) });
  return new Response(body, { headers: { ...headers, "Content-Type": "text/event-stream" } });
};

/** What is no number begins at the beginning: the header is a browser's, and old. */
function startOf(request: IRequestStrict): number {
  const { after } = readQuery(request, StreamStart);
  const last = request.headers.get("Last-Event-ID") ?? "";
  return /^\d{1,15}$/.test(last) ? Number(last) : (after ?? 0);
}

type Following = {
  readonly after: number;
  readonly follow: (after: number) => Promise<Result<ExecOutput>>;
};

/** Asks on only as fast as the client reads. One that the object fails breaks off: the client comes again with the last id. */
function eventStream(first: Result<ExecOutput>, { after, follow }: Following): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let next: Result<ExecOutput> | undefined = first;
  let reached = after;
  return new ReadableStream({
    async pull(controller) {
      try {
        const output = next ?? (await follow(reached));
        next = undefined;
        // Deleted meanwhile.
        if (!output.ok) return controller.close();
        const { text, after, isEnd } = toEvents(output.value, reached);
        reached = after;
        controller.enqueue(encoder.encode(text));
        if (isEnd) controller.close();
      } catch (error) {
        log("warn", "event stream broken off", { cause: String(error) });
        controller.error(error);
      }
    },
  });
}
