// Spells any text as a header value a backend can read back without doubt (M25, M26).

const encoder = new TextEncoder();
const hex = (byte: number): string => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;

/**
 * UTF-8, percent-encoded outside printable ASCII. `%` is encoded too, so decodeURIComponent gives the text back;
 * so is a space at either end, which HTTP would take away.
 */
export const headerText = (text: string): string =>
  text.replace(/[^\x20-\x24\x26-\x7e]+|^ +| +$/gu, (run) => Array.from(encoder.encode(run), hex).join(""));
