// What this deployment is, read from the environment once per isolate.

import { findText } from "../contracts/bindings.ts";

export type Deployment = {
  /** DEV_MODE: more logging, never less authentication (D76). */
  readonly verbose: boolean;
  readonly clientIpSource: "peer" | "cloudflare";
  readonly trustedHops: number;
  /** Whether instances on this machine or in its network may register themselves. */
  readonly allowPrivateOrigins: boolean;
  /** Undefined when unset; "" when set but empty: both mean that no admin call can succeed. */
  readonly adminSecret: string | undefined;
  /** Orders rosters of one configuration across deployments; epoch ms, 0 when the platform does not say. */
  readonly deployedAt: number;
};

let read: { env: Env; deployment: Deployment } | undefined;

export function deploymentOf(env: Env): Deployment {
  if (read?.env === env) return read.deployment;
  const deployment: Deployment = {
    verbose: env.DEV_MODE === "true",
    clientIpSource: env.CLIENT_IP_SOURCE === "peer" ? "peer" : "cloudflare",
    allowPrivateOrigins: env.ALLOW_PRIVATE_ORIGINS === "true",
    trustedHops: Math.max(0, Math.trunc(Number(env.TRUSTED_HOPS)) || 0),
    adminSecret: findText(env, "ADMIN_SECRET") ?? findText(env, "ORCHESTRATOR_API_KEY"),
    deployedAt: Date.parse(env.VERSION.timestamp) || 0,
  };
  read = { env, deployment };
  return deployment;
}

/** For how long this version has been deployed or running, in ms; null when the platform does not say since when. */
export const uptimeMs = ({ deployedAt }: Deployment, nowMs: number): number | null =>
  deployedAt === 0 ? null : nowMs - deployedAt;
