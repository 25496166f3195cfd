// The backend worker template: deployed as often as one likes, each time under its own name, and found by the plane as BACKEND_SERVICE_N.
// The plane calls handleRequest over RPC; fetch is there for direct HTTP and does the same.

import { WorkerEntrypoint } from "cloudflare:workers";
import type { BackendWorkerInterface } from "./interfaces.ts";

/** A Worker cannot read the name it is deployed under, so the deployment tells it. */
type BackendEnv = { readonly WORKER_NAME?: string };

export default class BackendWorker extends WorkerEntrypoint<BackendEnv> implements BackendWorkerInterface {
  async handleRequest(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    const workerName = this.env.WORKER_NAME ?? "unnamed";
    console.log(`Backend Worker ${workerName} received request for path: ${pathname}`);
    const body = new TextEncoder().encode(`Hello from Backend Worker: ${workerName} (path: ${pathname})`);
    // Said by hand because a length is lost on the way through a binding, and the plane counts requests in flight by it.
    const headers = { "Content-Type": "text/plain;charset=UTF-8", "Content-Length": String(body.byteLength) };
    return new Response(body, { headers });
  }

  override async fetch(request: Request): Promise<Response> {
    return this.handleRequest(request);
  }
}
