// How many headers a request may carry, and how large: one bound for both halves of the front.

const HEADERS_MAX = 100;
const HEADER_BYTES_MAX = 131_072;

/** What a header adds to the bytes: `name: value` and the end of its line. */
export const headerBytes = (name: string, value: string): number => name.length + value.length + 4;

export const areHeadersTooLarge = (count: number, bytes: number): boolean =>
  count > HEADERS_MAX || bytes > HEADER_BYTES_MAX;
