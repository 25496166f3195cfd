// Cap'n Proto text, as far as workerd's configuration needs it. Called by what writes that configuration.

/** `(name = value, …)`; the values are Cap'n Proto text already. */
export const record = (fields: Readonly<Record<string, string>>): string =>
  `(${Object.entries(fields)
    .map(([name, value]) => `${name} = ${value}`)
    .join(", ")})`;

export const list = (items: readonly string[]): string =>
  items.length === 0 ? "[]" : `[\n    ${items.join(",\n    ")}\n  ]`;

/** A Cap'n Proto string: C escapes and UTF-8, where JSON's `\u` doesn't exist. */
export function quote(text: string): string {
  const escaped = text
    .replaceAll(/["\\]/g, "\\$&")
    .replaceAll(CONTROL, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`);
  return `"${escaped}"`;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must be escaped.
const CONTROL = /[\u0000-\u001f\u007f]/g;
