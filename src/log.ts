// The one form in which anything is written down: a JSON line. Both halves use it; it never sees a header's value.

export type LogLevel = "info" | "warn" | "error";

/** `facts` are merged into the line; what was thrown goes in as `cause`. Under workerd only text reaches the output as it is. */
export function log(level: LogLevel, msg: string, facts: object = {}): void {
  console[level](JSON.stringify({ level, msg, ...facts }));
}
