// How the end of one side of a relayed WebSocket is told to the other (RFC 6455 §7.4).

/** Undefined: a Close frame without a code. */
export type Close = { readonly code?: number; readonly reason: string };

/** Codes that are only ever reported, never sent: no code, and no Close frame at all. */
const NONE_GIVEN = 1005;
export const LOST = 1006;
const INTERNAL_ERROR = 1011;
/** A Close frame holds 125 bytes, its code takes two. */
const REASON_BYTES_MAX = 123;

/** The session has ended (our own; 401 is what HTTP would say). */
export const SESSION_ENDED: Close = { code: 4401, reason: "session ended" };
/** Nobody can tell whether the session has ended, or its instance is being taken out: reconnecting asks anew, or leads elsewhere. */
export const RECONNECT: Close = { code: 1012, reason: "reconnect" };
/** More was sent to a side that does not answer than may lie in wait for it. */
export const TOO_FAR_BEHIND: Close = { code: 1013, reason: "too far behind" };

/** What is sent to one side when the other ended with `code`: the same where it may be sent, no code where none was given, else 1011. */
export function closeFor(code: number, reason: string): Close {
  if (code === NONE_GIVEN) return { reason: "" };
  return isSendable(code) ? { code, reason: shorten(reason) } : { code: INTERNAL_ERROR, reason: "" };
}

/** RFC 6455 §7.4.1 with what IANA has registered since (1012 to 1014), and the ranges of libraries and applications. */
const isSendable = (code: number): boolean =>
  (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);

/** Only a reason that was no UTF-8 can be longer: it was made readable, three bytes for one. */
function shorten(reason: string): string {
  const bytes = new TextEncoder().encode(reason);
  if (bytes.length <= REASON_BYTES_MAX) return reason;
  // A character that is cut in two is left out.
  return new TextDecoder().decode(bytes.subarray(0, REASON_BYTES_MAX), { stream: true });
}
