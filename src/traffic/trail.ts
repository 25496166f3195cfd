// What became of one request, written down as it happens: the access log, the answer's headers and operators read it.

import type { CompiledConfig, CompiledRoute } from "../policies/routing/compiled-config.ts";
import type { Incoming } from "./sanitise.ts";

export class Trail {
  readonly startedAtMs: number;
  readonly method: string;
  requestId: string;
  accept: string | undefined;
  host = "";
  path = "";
  clientIp = "";
  route: CompiledRoute | undefined;
  instance: string | undefined;
  /** Where the decision came from: `only`, `range`, `snapshot`, `object` or `local`. */
  lease: string | undefined;
  leaseAgeMs = 0;
  tries = 0;
  /** Instances that failed before the one that answered. */
  failed: string[] | undefined;
  configVersion = 0;
  /** Share of requests whose line is written. Until the configuration is known, all. */
  sampleRate = 1;
  configStale = false;
  sessionStale = false;

  /** DEV_MODE: every request's line, with the route's rules (D76). */
  readonly verbose: boolean;

  constructor(request: Request, startedAtMs: number, verbose: boolean) {
    this.verbose = verbose;
    this.method = request.method;
    this.startedAtMs = startedAtMs;
    this.requestId = "";
  }

  noteIncoming(incoming: Incoming): void {
    this.requestId = incoming.requestId;
    this.accept = incoming.accept;
    this.host = incoming.address.host;
    this.path = incoming.address.path;
    this.clientIp = incoming.clientIp;
  }

  noteConfig(config: CompiledConfig, stale: boolean): void {
    this.configVersion = config.version;
    this.configStale = stale;
    if (!this.verbose) this.sampleRate = config.logSampleRate;
  }
}
