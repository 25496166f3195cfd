// The object classes, for src/index.ts to re-export; nothing else imports from here.

export { ControlPlane } from "./control-plane/control-plane-object.ts";
export { Directory } from "./directory/directory-object.ts";
export { ExecResultStore } from "./exec-results/exec-results-object.ts";
export { HealthMonitor } from "./health-monitor/health-monitor-object.ts";
export { RateLimiter } from "./rate-limiter/rate-limiter-object.ts";
export { Revocations } from "./revocations/revocations-object.ts";
export { Session } from "./session/session-object.ts";
export { WorkerRegistry } from "./worker-registry/worker-registry-object.ts";
