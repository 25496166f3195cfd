// Plays one scenario in virtual time: requests arrive at random, isolates die and are replaced, and every admission is judged.

import { EventQueue } from "../event-queue.ts";
import { exponential, type Random, seededRandom, zipf } from "../random.ts";
import { emptyTally, JudgedKey, type Tally } from "./judged-key.ts";
import { LossyWire } from "./lossy-wire.ts";
import type { Scenario } from "./scenarios.ts";
import { SimulatedIsolate } from "./simulated-isolate.ts";
import { type ShardWorks, SimulatedShard, SOUND_SHARD } from "./simulated-shard.ts";
import { SkewedClock } from "./skewed-clock.ts";

export type RunOptions = {
  readonly requests: number;
  readonly seed: number;
  readonly isolates?: number;
  readonly shard?: ShardWorks;
};

export type ScenarioResult = {
  readonly scenario: Scenario;
  readonly tally: Tally;
  /** Virtual time. */
  readonly seconds: number;
  readonly calls: number;
  readonly peakPerSecond: number;
  readonly rows: number;
  readonly deaths: number;
  readonly restarts: number;
};

const ISOLATES = 1_000;
const LIFE_MS_MEAN = 600_000;
const BUSY_SHARE = 0.9;
/** Until the last that waits has been answered. */
const AFTERMATH_MS = 10_000;

class Fleet {
  deaths = 0;
  readonly #isolates: SimulatedIsolate[] = [];
  readonly #queue: EventQueue;
  readonly #random: Random;
  readonly #wire: LossyWire;
  #born = 0;

  constructor(count: number, { queue, random, wire }: { queue: EventQueue; random: Random; wire: LossyWire }) {
    this.#queue = queue;
    this.#random = random;
    this.#wire = wire;
    for (let at = 0; at < count; at++) this.#isolates.push(this.#newIsolate());
    this.#planDeath();
  }

  /** One of the first `busy` nine times out of ten, else any. */
  pick(busy: number | undefined): SimulatedIsolate | undefined {
    const among = busy !== undefined && this.#random() < BUSY_SHARE ? busy : this.#isolates.length;
    return this.#isolates[Math.floor(this.#random() * among)];
  }

  #newIsolate(): SimulatedIsolate {
    const clock = new SkewedClock(this.#queue, this.#random);
    return new SimulatedIsolate(`isolate-${++this.#born}`, { queue: this.#queue, wire: this.#wire, clock });
  }

  #planDeath(): void {
    this.#queue.after(exponential(this.#random, LIFE_MS_MEAN / this.#isolates.length), () => {
      const at = Math.floor(this.#random() * this.#isolates.length);
      this.#isolates[at]?.die();
      this.#isolates[at] = this.#newIsolate();
      this.deaths++;
      this.#planDeath();
    });
  }
}

export function runScenario(
  scenario: Scenario,
  { requests, seed, isolates = ISOLATES, shard: works = SOUND_SHARD }: RunOptions,
): ScenarioResult {
  const random = seededRandom(seed);
  const queue = new EventQueue();
  const shard = new SimulatedShard(queue, random, works);
  const fleet = new Fleet(isolates, { queue, random, wire: new LossyWire(queue, random, shard) });
  const tally = emptyTally();
  const { limit, windowMs, cost, demand, busyIsolates } = scenario;
  const keys = Array.from(
    { length: scenario.keys },
    (_, at) => new JudgedKey(`simulated/${at}`, { rule: { kind: "rate", limit, windowMs }, cost, tally }),
  );
  const drawKey = zipf(random, keys.length);
  const everyMs = (windowMs * cost) / (limit * demand);
  const arrive = (): void => {
    if (tally.requests >= requests) return;
    const key = keys[drawKey()];
    if (key === undefined) throw new Error("run-scenario: no such key");
    fleet.pick(busyIsolates)?.request(key);
    queue.after(exponential(random, everyMs), arrive);
  };
  queue.after(0, arrive);
  while (tally.requests < requests) queue.runUntil(queue.nowMs + everyMs);
  const seconds = queue.nowMs / 1_000;
  const { calls, rows } = shard;
  queue.runUntil(queue.nowMs + AFTERMATH_MS);
  const { peak: peakPerSecond, restarts } = shard;
  return { scenario, tally, seconds, calls, rows, peakPerSecond, deaths: fleet.deaths, restarts };
}
