// The RPC interface between a backend worker and the plane that calls it. Keep what follows this comment as it is:
// the plane's copy says the same, and a backend that wants more RPC methods adds an interface of its own.

/** What a worker bound as BACKEND_SERVICE_N, or as an instance with `rpc: true`, answers by RPC. */
export interface BackendWorkerInterface {
  /** Answers one forwarded request; a throw counts as a failed instance. */
  handleRequest(request: Request): Promise<Response>;
}
