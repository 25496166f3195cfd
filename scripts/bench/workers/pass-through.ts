// The limit: the least a Worker can do that sends what the plane sends, rotating over four bound backends.

import { type BoundBackends, forwardInTurn } from "./forward-in-turn.ts";

export default { fetch: forwardInTurn } satisfies ExportedHandler<BoundBackends>;
