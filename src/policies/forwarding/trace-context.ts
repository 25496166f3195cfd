// W3C Trace Context (https://www.w3.org/TR/trace-context/): carries a caller's trace on, or begins one.

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;

/**
 * The traceparent to send on: the caller's trace id and flags under our own span id (16 hex digits of `uuid`),
 * or a new sampled trace whose id is `uuid` itself. `uuid` is a random UUID.
 */
export function continueTrace(offered: string | undefined, uuid: string): string {
  const digits = uuid.slice(0, 8) + uuid.slice(9, 13) + uuid.slice(14, 18) + uuid.slice(19, 23) + uuid.slice(24);
  const spanId = digits.slice(16);
  const parts = offered === undefined ? null : TRACEPARENT.exec(offered);
  if (parts === null || parts[1] === "ff" || isZero(parts[2]) || isZero(parts[3])) return `00-${digits}-${spanId}-01`;
  return `00-${parts[2]}-${spanId}-${parts[4]}`;
}

const isZero = (hex: string | undefined): boolean => hex === undefined || /^0+$/.test(hex);
