// One segment of a path as its sender meant it: the router hands segments on as they were sent.

/** Undefined where it is not percent-encoded UTF-8. */
export function decodeSegment(segment = ""): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
