// Which backends discovery has found that were not known before: what an isolate writes down when it takes on a configuration (R16).

import type { CompiledConfig, CompiledPool } from "./compiled-config.ts";

export type Discovery = { readonly pool: string; readonly workers: readonly string[] };

/** One entry per discovered pool that is new since `known` or has other instances; a pool that found none has an empty one. */
export const newlyDiscovered = (
  { pools }: Pick<CompiledConfig, "pools">,
  known: Pick<CompiledConfig, "pools"> | undefined,
): Discovery[] =>
  [...pools.values()]
    .filter((pool) => pool.discovered && !isSame(pool, known?.pools.get(pool.name)))
    .map((pool) => ({ pool: pool.name, workers: pool.instances.map(({ id }) => id) }));

const isSame = (pool: CompiledPool, known: CompiledPool | undefined): boolean =>
  known?.discovered === true &&
  known.instances.length === pool.instances.length &&
  known.instances.every(({ id }, i) => id === pool.instances[i]?.id);
