// Reads a control-surface body through its schema. Refuses what is too large, not JSON (with the position) or misshapen (with every path).

import * as v from "valibot";
import { listProblems } from "../contracts/problems.ts";
import { HttpError } from "./http-error.ts";
import { jsonErrorPosition } from "./json-error-position.ts";

const BODY_BYTES_MAX = 1_048_576;
/** Media types a body may have. */
export const JSON_ONLY = ["application/json"];
export const JSON_OR_PATCH = ["application/json", "application/merge-patch+json"];

/** The body as `schema` sees it. Throws HttpError 413, 415, 400 malformed_json or 400 invalid_body. */
export async function readBody<S extends v.GenericSchema>(request: Request, schema: S): Promise<v.InferOutput<S>> {
  return conform(schema, await readJson(request, JSON_ONLY));
}

/** As readBody; no body at all stands for an empty object. */
export async function readOptionalBody<S extends v.GenericSchema>(
  request: Request,
  schema: S,
): Promise<v.InferOutput<S>> {
  const text = await readText(request);
  if (text === "") return conform(schema, {});
  checkMediaType(request, JSON_ONLY);
  return conform(schema, parseJson(text));
}

function conform<S extends v.GenericSchema>(schema: S, value: unknown): v.InferOutput<S> {
  const parsed = v.safeParse(schema, value);
  if (!parsed.success) throw new HttpError("invalid_body", undefined, { problems: listProblems(parsed.issues) });
  return parsed.output;
}

/** What curl -d and fetch say of a body when nobody told them what it is. */
const UNSAID: ReadonlySet<string> = new Set(["application/x-www-form-urlencoded", "text/plain"]);

/** The body as plain JSON; an absent Content-Type counts as the first of `mediaTypes`. */
export async function readJson(request: Request, mediaTypes: readonly string[]): Promise<unknown> {
  checkMediaType(request, mediaTypes);
  return parseJson(await readText(request));
}

function checkMediaType(request: Request, mediaTypes: readonly string[]): void {
  const mediaType = request.headers.get("Content-Type")?.split(";")[0]?.trim().toLowerCase();
  if (mediaType !== undefined && !UNSAID.has(mediaType) && !mediaTypes.includes(mediaType)) {
    throw new HttpError("unsupported_media_type", `send ${mediaTypes.join(" or ")}`);
  }
}

/** JSON.parse, with the place of the error as data: `{ position }` counts characters from 0. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const position = jsonErrorPosition(text);
    throw new HttpError("malformed_json", `not JSON at position ${position}`, { position });
  }
}

async function readText(request: Request): Promise<string> {
  const declared = Number(request.headers.get("Content-Length") ?? 0);
  if (declared > BODY_BYTES_MAX) throw tooLarge();
  if (request.body === null) return "";
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request.body as ReadableStream<Uint8Array>) {
    bytes += chunk.byteLength;
    if (bytes > BODY_BYTES_MAX) throw tooLarge();
    chunks.push(chunk);
  }
  return await new Blob(chunks).text();
}

const tooLarge = () => new HttpError("body_too_large", `at most ${BODY_BYTES_MAX} bytes`, { bytesMax: BODY_BYTES_MAX });
