// What the platform hands over with one request, passed along the steps.

import type { Deployment } from "../isolate/deployment.ts";

export type Scope = {
  readonly request: Request;
  readonly env: Env;
  readonly ctx: ExecutionContext;
  readonly deployment: Deployment;
};
