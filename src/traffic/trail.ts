// What became of one request, written down as it happens: the access log, the answer's headers and operators read it.

import { chooseRequestId } from "../http/request-id.ts";
import type { HeldSlots } from "../isolate/limits/held-slots.ts";
import type { Selection } from "../isolate/pools/selection.ts";
import type { SessionLeash } from "../isolate/sessions/session-leash.ts";
import type { Identity } from "../isolate/sessions/session-snapshots.ts";
import type { CompiledConfig, CompiledRoute } from "../policies/routing/compiled-config.ts";
import type { RouteMatch } from "../policies/routing/match-route.ts";
import type { Incoming } from "./sanitise.ts";

/** How a route was found, or none. */
export type Choice = {
  readonly match: RouteMatch;
  readonly identity: Identity;
  readonly route: CompiledRoute | undefined;
};

export class Trail {
  readonly startedAtMs: number;
  readonly method: string;
  host = "";
  path = "";
  /** Raw, without its `?`. */
  query = "";
  clientIp = "";
  match: RouteMatch | undefined;
  identity: Identity | undefined;
  route: CompiledRoute | undefined;
  instance: string | undefined;
  /** Where the decision came from. */
  lease: Selection["how"] | undefined;
  leaseAgeMs = 0;
  tries = 0;
  /** Of a request that was sent a second time because it was slow: whether that one's answer came first. */
  hedge: "won" | "lost" | undefined;
  /** Instances that failed before the one that answered. */
  failed: string[] | undefined;
  config: CompiledConfig | undefined;
  /** Share of requests whose line is written. Until the configuration is known, all. */
  sampleRate = 1;
  /** The limit that refused. */
  limitedBy: string | undefined;
  /** Limits in shadow that would have refused. */
  overrun: readonly string[] | undefined;
  /** What the answer tells of limits. */
  limitHeaders: readonly (readonly [string, string])[] | undefined;
  /** Held until the request has ended. */
  slots: HeldSlots | undefined;
  /** Of a WebSocket that is to be relayed, until it ends. */
  leash: SessionLeash | undefined;
  configStale = false;
  sessionStale = false;

  /** DEV_MODE: every request's line, with the route's rules (D76). */
  readonly verbose: boolean;
  readonly #request: Request;
  #requestId: string | undefined;

  constructor(request: Request, startedAtMs: number, verbose: boolean) {
    this.#request = request;
    this.method = request.method;
    this.startedAtMs = startedAtMs;
    this.verbose = verbose;
  }

  /** Also of a request that was refused before it was read. */
  get requestId(): string {
    this.#requestId ??= chooseRequestId(this.#request.headers.get("X-Request-Id"));
    return this.#requestId;
  }

  noteIncoming({ requestId, address, clientIp }: Incoming): void {
    this.#requestId = requestId;
    this.host = address.host;
    this.path = address.path;
    this.query = address.target.slice(address.path.length + 1);
    this.clientIp = clientIp;
  }

  noteChoice({ match, identity, route }: Choice): void {
    this.match = match;
    this.identity = identity;
    this.sessionStale = identity.stale;
    this.route = route;
  }

  noteSelection({ instance, how, ageMs }: Selection): void {
    this.instance = instance.id;
    this.lease = how;
    this.leaseAgeMs = ageMs;
  }

  noteConfig(config: CompiledConfig, stale: boolean): void {
    this.config = config;
    this.configStale = stale;
    if (!this.verbose) this.sampleRate = config.logSampleRate;
  }
}
