// Reads TypeScript as far as the checks need it: which modules it names, and its code without comments, strings and patterns.
// A scanner of its own, because the compiler here has no API and bundlers drop the imports of types.

/** One import, re-export, `import()` or `import("…").Type`; `undefined` when its module is not a plain string. */
export type Import = { readonly module: string | undefined; readonly line: number };

const FROM = /\b(?:import|export)\b(?:[^;"']*?\bfrom)?\s*(["'])([^"'\n]*)\1/g;
const CALL = /\bimport\s*\(\s*(?:(["'])([^"'\n]*)\1)?/g;

export function readImports(source: string): readonly Import[] {
  const code = codeOf(source);
  const imports = [...code.matchAll(FROM), ...code.matchAll(CALL)];
  return imports.map((match) => ({ module: match[2], line: lineAt(code, match.index + match[0].length) }));
}

const lineAt = (code: string, at: number): number => code.slice(0, at).split("\n").length;

/** The source with everything but code and module names turned into blanks; line numbers stay. */
export function codeOf(source: string): string {
  let out = "";
  for (let at = 0; at < source.length; ) {
    const end = skip(source, at, out);
    const next = Math.max(end, at + 1);
    const piece = source.slice(at, next);
    out += end === at || namesModule(out, piece) ? piece : piece.replace(/[^\n]/g, " ");
    at = next;
  }
  return out;
}

const namesModule = (before: string, piece: string): boolean =>
  /^["']/.test(piece) && /\b(?:from|import|import\s*\()$/.test(before.slice(-100).trimEnd());

/** Where the comment, string, template or pattern that begins at `at` ends, or `at` where none begins. */
function skip(source: string, at: number, before: string): number {
  const two = source.slice(at, at + 2);
  if (two === "//") return endOf(source.indexOf("\n", at), source);
  if (two === "/*") return endOf(source.indexOf("*/", at + 2) + 2, source, 2);
  const first = source.charAt(at);
  if (first === '"' || first === "'") return endOfQuoted(source, at, first);
  if (first === "`") return endOfTemplate(source, at);
  if (first === "/" && beginsPattern(before)) return endOfPattern(source, at);
  return at;
}

const endOf = (found: number, source: string, offset = 0): number => (found < offset ? source.length : found);

function endOfQuoted(source: string, at: number, quote: string): number {
  for (let i = at + 1; i < source.length; i++) {
    if (source.charAt(i) === "\\") i++;
    else if (source.charAt(i) === quote || source.charAt(i) === "\n") return i + 1;
  }
  return source.length;
}

/** Templates inside `${…}` of a template are followed; the code in `${…}` counts as text. */
function endOfTemplate(source: string, at: number): number {
  let depth = 0;
  for (let i = at + 1; i < source.length; i++) {
    const character = source.charAt(i);
    if (character === "\\") i++;
    else if (depth === 0 && character === "`") return i + 1;
    else if (depth > 0 && character === "`") i = endOfTemplate(source, i) - 1;
    else if (character === "$" && source.charAt(i + 1) === "{") depth++;
    else if (depth > 0 && character === "{" && source.charAt(i - 1) !== "$") depth++;
    else if (depth > 0 && character === "}") depth--;
  }
  return source.length;
}

/** A slash divides after a value and begins a pattern after anything else. */
const beginsPattern = (before: string): boolean => {
  const code = before.slice(-200).trimEnd();
  return code === "" || /(?:[^\w$)\]}"'`]|\b(?:return|typeof|case|in|of|void|yield|await))$/.test(code);
};

function endOfPattern(source: string, at: number): number {
  let inClass = false;
  for (let i = at + 1; i < source.length; i++) {
    const character = source.charAt(i);
    if (character === "\\") i++;
    else if (character === "\n") return i;
    else if (character === "[") inClass = true;
    else if (character === "]") inClass = false;
    else if (character === "/" && !inClass) return i + 1;
  }
  return source.length;
}
