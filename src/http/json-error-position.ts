// Where a text stops being JSON (RFC 8259). JSON.parse knows, but V8's messages name the place only sometimes.
// Asked only after JSON.parse has failed; reads each character once and never recurses.

const SPACE = /[ \t\n\r]*/y;
const TOKEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: RFC 8259 §7 excludes them from strings
  /[{}[\]:,]|"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

/** What may come next: a value, a value or `]`, a key, a key or `}`, `:`, or `,` or what closes. */
type Expected = "value" | "item" | "key" | "member" | "colon" | "more";

/** Characters before the first token that can't stand where it stands; the text's length where it only ends too early. */
export function jsonErrorPosition(text: string): number {
  const open: ("{" | "[")[] = [];
  let expected: Expected = "value";
  for (let at = 0; ; ) {
    at += matchAt(SPACE, text, at).length;
    const token = matchAt(TOKEN, text, at);
    const next: Expected | undefined = token === "" ? undefined : step(expected, token, open);
    if (next === undefined) return at;
    expected = next;
    at += token.length;
  }
}

/** What may follow `token`, keeping account of what is open; undefined where the token can't stand here. */
function step(expected: Expected, token: string, open: ("{" | "[")[]): Expected | undefined {
  const within = open.at(-1);
  if (token === "}" || token === "]") {
    const [opening, empty] = token === "}" ? ["{", "member"] : ["[", "item"];
    if (within !== opening || (expected !== "more" && expected !== empty)) return undefined;
    open.pop();
    return "more";
  }
  if (expected === "more")
    return token === "," && within !== undefined ? (within === "{" ? "key" : "value") : undefined;
  if (expected === "colon") return token === ":" ? "value" : undefined;
  if (token === ":" || token === ",") return undefined;
  if (expected === "key" || expected === "member") return token.startsWith('"') ? "colon" : undefined;
  if (token !== "{" && token !== "[") return "more";
  open.push(token);
  return token === "{" ? "member" : "item";
}

function matchAt(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? "";
}
