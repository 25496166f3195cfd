// Request bodies, read to a bound: a declared length is not believed. Used by the example Workers that take any.

/** The body as text, or undefined when it exceeds `bytesMax`. */
export async function readBounded(request: Request, bytesMax: number): Promise<string | undefined> {
  const decoder = new TextDecoder();
  let bytes = 0;
  let text = "";
  for await (const chunk of request.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > bytesMax) return undefined;
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

const JSON_BYTES_MAX = 65_536;

export type Fields = { readonly [field: string]: unknown };

/** The JSON object sent, or undefined when it exceeds 64 KiB or is nothing of the kind. */
export async function readFields(request: Request): Promise<Fields | undefined> {
  try {
    const value: unknown = JSON.parse((await readBounded(request, JSON_BYTES_MAX)) ?? "");
    return asFields(value);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

export const asFields = (value: unknown): Fields | undefined =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;

/** A text of 1 to `lengthMax` characters. */
export const isText = (value: unknown, lengthMax: number): value is string =>
  typeof value === "string" && value !== "" && value.length <= lengthMax;
