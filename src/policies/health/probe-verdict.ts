// What a probe's answer says of an instance. Pure.

/** `status`: undefined when nothing answered in time. */
export type Probe = {
  readonly status: number | undefined;
  readonly ms: number;
  readonly version?: string;
  /** Seconds. */
  readonly uptime?: number;
  /** Share of its processors in use. */
  readonly cpu?: number;
};

/** `unknown`: was not asked. */
export type ProbeVerdict = "online" | "degraded" | "offline" | "unknown";

/** Only 2xx is one. */
export const isAnswer = ({ status }: Probe): boolean => status !== undefined && status >= 200 && status < 300;

/** Answers, but not with 2xx: degraded. */
export function verdictOf(probe: Probe | undefined): ProbeVerdict {
  if (probe === undefined) return "unknown";
  if (probe.status === undefined) return "offline";
  return isAnswer(probe) ? "online" : "degraded";
}

const VERSION_LENGTH_MAX = 100;

/** `version`, `uptime` and `cpu` of a JSON answer, as far as they are there and make sense. */
export function readVersion(text: string): Pick<Probe, "version" | "uptime" | "cpu"> {
  const said = parse(text);
  if (typeof said !== "object" || said === null) return {};
  const { version, uptime, cpu } = said as { readonly [name: string]: unknown };
  return {
    ...(typeof version === "string" && version.length <= VERSION_LENGTH_MAX && { version }),
    ...(typeof uptime === "number" && Number.isFinite(uptime) && { uptime }),
    ...(typeof cpu === "number" && cpu >= 0 && cpu <= 1 && { cpu }),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
