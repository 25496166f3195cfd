// JSON with comments and trailing commas, as both wrangler.jsonc and the configuration document are written.

import { type ParseError, parse, printParseErrorCode } from "jsonc-parser";

/** Throws an Error whose message is `line:column: what is wrong`, counted from 1. */
export function parseJsonc(text: string): unknown {
  const errors: ParseError[] = [];
  const value: unknown = parse(text.replace(/^\uFEFF/, ""), errors, {
    allowTrailingComma: true,
    disallowComments: false,
  });
  const [first] = errors;
  if (first !== undefined)
    throw new Error(`${positionOf(text, first.offset)}: ${sentence(printParseErrorCode(first.error))}`);
  return value;
}

function positionOf(text: string, offset: number): string {
  const before = text.slice(0, offset).split("\n");
  return `${before.length}:${(before.at(-1)?.length ?? 0) + 1}`;
}

/** `CommaExpected` → `comma expected`. */
const sentence = (code: string): string => code.replaceAll(/(?<=[a-z])(?=[A-Z])/g, " ").toLowerCase();
