// Whether this visitor may use this route at all. A protection that cannot be kept refuses; nothing is silently open.

import { type Refusal, refuse } from "../contracts/refusals.ts";
import { refuseUnlessAdmin } from "../http/admin.ts";
import type { Deployment } from "../isolate/deployment.ts";
import type { Identity } from "../isolate/sessions/session-snapshots.ts";
import type { CompiledRoute } from "../policies/routing/compiled-config.ts";
import type { Incoming } from "./sanitise.ts";

export type Admission = {
  readonly route: CompiledRoute;
  readonly incoming: Incoming;
  readonly identity: Identity;
  readonly deployment: Deployment;
};

export function admit({ route, incoming, identity, deployment }: Admission): Refusal | undefined {
  if (route.auth === "required" && identity.session?.data.authenticated !== true) {
    // Stale and anonymous: the objects that know did not answer, so nobody can tell who this is.
    return identity.stale ? refuse("object_unavailable") : refuse("unauthenticated");
  }
  const refusal = route.auth === "admin" ? refuseUnlessAdmin(deployment.adminSecret, incoming.isAdmin) : undefined;
  if (refusal !== undefined) return refusal;
  if (incoming.contentLength !== undefined && incoming.contentLength > route.bodyBytesMax) {
    return refuse("body_too_large", undefined, { bytesMax: route.bodyBytesMax });
  }
  return undefined;
}
