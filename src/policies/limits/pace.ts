// How often isolates may call one shard: its budget is 300 calls a second, however many there are (design: "An object's budget").

const BUDGET_PER_SECOND = 300;
/** While a shard is called less often, nobody has to wait. */
const CALM_PER_SECOND = 150;

/** How long an isolate that may have `share` (above 0, up to 1) of the budget leaves the shard in peace, in ms, when it was called `calls` times in the last second. */
export const paceMs = (calls: number, share: number): number =>
  calls <= CALM_PER_SECOND ? 0 : Math.ceil(1_000 / (BUDGET_PER_SECOND * share));
