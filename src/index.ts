// The fetch Worker: hands each request to the control surface or to the data plane, and names the object classes. No logic here.

import { rawPath } from "./policies/forwarding/address.ts";
import { isControlPath } from "./policies/routing/control-paths.ts";
import { routeControl } from "./router.ts";
import { handle } from "./traffic/handle.ts";

export {
  ControlPlane,
  Directory,
  ExecResultStore,
  HealthMonitor,
  RateLimiter,
  Revocations,
  Session,
  WorkerRegistry,
} from "../durable-objects/index.ts";

export default {
  fetch: (request, env, ctx) =>
    isControlPath(rawPath(request.url)) ? routeControl(request, env, ctx) : handle(request, env, ctx),
} satisfies ExportedHandler<Env>;
