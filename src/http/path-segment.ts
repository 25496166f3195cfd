// One segment of a path as its sender meant it: the router hands segments on as they were sent.

/** Undefined where it is not percent-encoded UTF-8. */
export function decodeSegment(segment = ""): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

/** A version as it is told, so that each has one address; undefined for anything else. */
export const versionIn = (segment = ""): number | undefined =>
  /^(?:0|[1-9]\d{0,15})$/.test(segment) ? Number(segment) : undefined;
