// The RPC interface between the plane and a backend worker (R04, R22). Both sides keep the same text of what follows this comment:
// examples/backend-worker/src/interfaces.ts is the other copy, so that the template deploys alone; the check script compares them.

/** What a worker bound as BACKEND_SERVICE_N, or as an instance with `rpc: true`, answers by RPC. */
export interface BackendWorkerInterface {
  /** Answers one forwarded request; a throw counts as a failed instance. */
  handleRequest(request: Request): Promise<Response>;
}
