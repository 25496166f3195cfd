// Where an instance that fails its probes is brought to somebody's notice (D57): a line of the log.

import { log } from "../../src/log.ts";

type ProbeAlert = { readonly pool: string; readonly instance: string; readonly failures: number };

/** Once per row of failures. */
export const raiseAlert = (alert: ProbeAlert): void => log("warn", "instance fails its probes", alert);
