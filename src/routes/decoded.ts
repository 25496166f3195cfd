// A segment of a path as it was meant.

/** Undefined for what is no percent-encoded UTF-8. */
export function decoded(segment: string | undefined): string | undefined {
  try {
    return decodeURIComponent(segment ?? "");
  } catch {
    return undefined;
  }
}
