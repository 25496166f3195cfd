// Compiles a configuration document into what the data plane reads, and names everything in it that can't work (design: "Configuration is data").
// Pure and total: whatever is unusable is left out, so a document that a later deployment made unfit still serves what works.

import type { Bindings } from "../../contracts/bindings.ts";
import type { ConfigDocument, ConfigProblem } from "../../contracts/config.ts";
import { compileLimits } from "../limits/compile-limits.ts";
import { compilePools } from "./compile-pools.ts";
import { compileRoutes, exposedRoutes } from "./compile-routes.ts";
import { CONFIG_FRESHNESS_MS, type CompiledConfig } from "./compiled-config.ts";
import { Findings } from "./findings.ts";
import { buildTable, rankRoutes } from "./route-table.ts";
import { shadowWarnings } from "./shadow-warnings.ts";

export type CompileInput = {
  readonly version: number;
  readonly document: ConfigDocument;
  readonly bindings: Bindings;
};

/** `problems` refuse the document, `warnings` don't; either names the field, as `routes[3].pool`. */
export type Compilation = {
  readonly config: CompiledConfig;
  readonly problems: readonly ConfigProblem[];
  readonly warnings: readonly ConfigProblem[];
};

export function compileConfig({ version, document, bindings }: CompileInput): Compilation {
  const findings = new Findings();
  const pools = compilePools(document.pools, { bindings, findings });
  const limits = compileLimits(document.limits);
  const context = { document, pools, limits, findings };
  const ranked = rankRoutes([...compileRoutes(context), ...exposedRoutes(context)]);
  const config: CompiledConfig = {
    version,
    domain: document.domain,
    configFreshnessMs: document.configFreshnessMs ?? CONFIG_FRESHNESS_MS,
    logSampleRate: document.log?.sampleRate ?? 1,
    pools,
    limits,
    routes: ranked.map(({ route }) => route),
    table: buildTable(ranked, document.domain),
  };
  return {
    config,
    problems: findings.problems,
    warnings: [...findings.warnings, ...shadowWarnings(ranked, document.domain)],
  };
}
