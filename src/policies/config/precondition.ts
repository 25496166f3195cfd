// Entity tags of configuration versions, and whether a header names one (RFC 9110 §8.8.3, §13.1).

export const versionTag = (version: number | string): string => `"${version}"`;

const ENTITY_TAG = /(?:W\/)?"([^"]*)"/g;

/**
 * Whether an If-Match or If-None-Match header names `version`: `*` does, lists may, weak and strong tags compare equal
 * (a version has one representation). What is no entity tag names nothing.
 */
export function namesVersion(header: string, version: number | string): boolean {
  if (header.trim() === "*") return true;
  return [...header.matchAll(ENTITY_TAG)].some(([, tag]) => tag === String(version));
}
