// What is simulated: limits, how much more is demanded than they allow, and how demand spreads over isolates and keys.

export type Scenario = {
  readonly name: string;
  readonly limit: number;
  readonly windowMs: number;
  /** Tokens demanded of all keys together, as a multiple of what one key's limit allows. */
  readonly demand: number;
  readonly cost: number;
  /** The n-th key gets a share in proportion to 1 ÷ n. */
  readonly keys: number;
  /** How many isolates get nine tenths of all requests; undefined: all get the same. */
  readonly busyIsolates: number | undefined;
  /** Its part of all requests of a run, in proportion to those of the others. */
  readonly share: number;
};

type Rate = { readonly label: string; readonly limit: number; readonly windowMs: number };
type Variant = Partial<Pick<Scenario, "cost" | "keys" | "busyIsolates" | "share">> & { readonly label?: string };

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DEMANDS = [0.5, 1, 2, 5] as const;

const rate = (label: string, limit: number, windowMs: number): Rate => ({ label, limit, windowMs });
const PER_10_S = rate("1000/10s", 1_000, 10 * SECOND_MS);
const PER_MINUTE = rate("1000/60s", 1_000, MINUTE_MS);
const TEN_THOUSAND = rate("10000/60s", 10_000, MINUTE_MS);
const PER_HOUR = rate("100000/1h", 100_000, HOUR_MS);
const FLOOD = rate("100000/60s", 100_000, MINUTE_MS);

function scenario({ label, limit, windowMs }: Rate, demand: number, variant: Variant = {}): Scenario {
  const { cost = 1, keys = 1, busyIsolates, share = 1 } = variant;
  const name = `${label}${variant.label === undefined ? "" : ` ${variant.label}`} x${demand}`;
  return { name, limit, windowMs, demand, cost, keys, busyIsolates, share };
}

/** With the share of each demand, so that a limit is filled many times even where that takes many requests: the end of a run cuts a window. */
const atAllDemands = (of: Rate, shares: readonly number[]): readonly Scenario[] =>
  DEMANDS.map((demand, at) => scenario(of, demand, { share: shares[at] ?? 1 }));

const atOneAndFive = (of: Rate, variant: Variant): readonly Scenario[] =>
  [1, 5].map((demand) => scenario(of, demand, variant));

export const SCENARIOS: readonly Scenario[] = [
  ...atAllDemands(PER_10_S, [1, 1, 2, 5]),
  ...atAllDemands(PER_MINUTE, [1, 1, 1, 1]),
  ...atAllDemands(TEN_THOUSAND, [1, 1, 2, 4]),
  ...atAllDemands(PER_HOUR, [0.5, 1, 2.5, 5]),
  ...atAllDemands(FLOOD, [1.5, 3, 6, 12]),
  ...atOneAndFive(PER_10_S, { label: "busy", busyIsolates: 10, share: 5 }),
  ...atOneAndFive(TEN_THOUSAND, { label: "busy", busyIsolates: 10, share: 5 }),
  ...atOneAndFive(TEN_THOUSAND, { label: "cost 5", cost: 5 }),
  scenario(PER_MINUTE, 20, { label: "zipf", keys: 1_000 }),
  ...atOneAndFive(rate("10/60s", 10, MINUTE_MS), { share: 0.1 }),
  ...atOneAndFive(rate("100/60s", 100, MINUTE_MS), { share: 0.5 }),
];
