// When a request is tried again and how long after: by default, and as documents 001 and 002 have it. Pure: chance comes in.

/** `failover`: every instance once, 50 ms apart (R28, R29). `client-backoff`: after 1, 2 and 4 s, on any 5xx (L61). */
export type RetryProfile = "default" | "failover" | "client-backoff";

const FAILOVER_MS = 50;
const CLIENT_BACKOFF_MS = 1_000;
const FULL_JITTER_MS = 25;
const FULL_JITTER_MS_MAX = 250;
/** Who wants to be left alone for longer than this is believed: his answer goes to the client. */
export const RETRY_AFTER_MS_MAX = 2_000;
/** Said by gateways of what is behind them, and by servers that are going down: another instance may do. */
const ELSEWHERE: ReadonlySet<number> = new Set([502, 503, 504]);

/** How many tries, the first included, where none are configured, and never more than there are instances: well within the platform's 32
 * invocations per request. */
export const ATTEMPTS = { default: 3, failover: 16, "client-backoff": 4 } as const satisfies Record<
  RetryProfile,
  number
>;

/** Whether an answer of this status is worth another instance. */
export const isWorthRetrying = (profile: RetryProfile, status: number): boolean =>
  profile === "client-backoff" ? status >= 500 : profile === "default" && ELSEWHERE.has(status);

/** How long after try `sent` (from 1) the next begins, ms. Full jitter, as in AWS's architecture blog, "Exponential Backoff And Jitter". */
export function retryDelayMs(profile: RetryProfile, sent: number, random: () => number): number {
  if (profile === "failover") return FAILOVER_MS;
  if (profile === "client-backoff") return CLIENT_BACKOFF_MS * 2 ** (sent - 1);
  return Math.floor(random() * Math.min(FULL_JITTER_MS_MAX, FULL_JITTER_MS * 2 ** (sent - 1)));
}

/** Retry-After in ms, as seconds, however many, or as a date (RFC 9110 §10.2.3); 0 where there is none that can be read. */
export function retryAfterMs(value: string | null, nowMs: number): number {
  if (value === null) return 0;
  if (/^\d+$/.test(value.trim())) return Number(value) * 1_000;
  const atMs = Date.parse(value);
  return Number.isNaN(atMs) ? 0 : Math.max(0, atMs - nowMs);
}
