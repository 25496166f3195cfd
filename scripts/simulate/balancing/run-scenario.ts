// Plays one scenario in virtual time with one contender: requests arrive at random, each at a random isolate, and go where that one chooses.

import { openBooks } from "../../../src/policies/balancing/registry-books.ts";
import type { CompiledInstance, CompiledPool } from "../../../src/policies/routing/compiled-config.ts";
import { EventQueue } from "../event-queue.ts";
import { exponential, type Random, seededRandom } from "../random.ts";
import type { Contender } from "./contenders.ts";
import { type Scenario, SETTLED_MS, STORM_AT_MS, TRIES_MAX } from "./scenarios.ts";
import { SimulatedInstance } from "./simulated-instance.ts";
import { SimulatedIsolate } from "./simulated-isolate.ts";

export type RunResult = {
  /** Of each request that began after SETTLED_MS and was answered, ms. */
  readonly latencies: readonly number[];
  readonly requests: number;
  /** That were answered with a failure in the end. */
  readonly failed: number;
  /** Tries, first ones included. */
  readonly tries: number;
  /** Of those, and of requests, what came before STORM_AT_MS. */
  readonly before: { readonly requests: number; readonly tries: number };
};

/** Streams of chance are apart, so that every contender meets the same requests at the same times and the same slow instances. */
const seeds = (seed: number) => ({
  arrivals: seed,
  slowness: seed + 0x1000,
  choices: seed + 0x2000,
  failures: seed + 0x3000,
});

export function runScenario(scenario: Scenario, contender: Contender, seed: number): RunResult {
  const from = seeds(seed);
  const queue = new EventQueue();
  const choices = seededRandom(from.choices);
  const failures = seededRandom(from.failures);
  const instances = Array.from(
    { length: scenario.instances },
    () => new SimulatedInstance(scenario.slots, queue, failures),
  );
  const pool = poolOf(scenario, contender);
  const books = openBooks(undefined, undefined);
  const around = { queue, books, pool, random: choices, renewAfterMs: scenario.staleMs };
  const isolates = Array.from({ length: scenario.isolates }, (_, at) => new SimulatedIsolate(`x${at}`, around));
  if (contender.renews) for (const isolate of isolates) isolate.renew();
  tire(instances, scenario, { queue, random: seededRandom(from.slowness) });
  scenario.plan?.({ queue, instances });
  const traffic = new Traffic({ scenario, contender, queue, instances, isolates, choices, pool });
  traffic.begin(seededRandom(from.arrivals));
  queue.runUntil(scenario.seconds * 1_000);
  return traffic.result;
}

/** At any time the same number of instances is slow; which ones is drawn anew every `forMs`. */
function tire(
  instances: readonly SimulatedInstance[],
  { slow: { share, factor, forMs } }: Scenario,
  { queue, random }: { readonly queue: EventQueue; readonly random: Random },
): void {
  const draw = (): void => {
    const order = instances.map((instance) => ({ instance, at: random() })).toSorted((a, b) => a.at - b.at);
    const slow = Math.round(share * instances.length);
    for (const [place, { instance }] of order.entries()) instance.slowness = place < slow ? factor : 1;
    queue.after(forMs, draw);
  };
  draw();
}

type TrafficParts = {
  readonly scenario: Scenario;
  readonly contender: Contender;
  readonly queue: EventQueue;
  readonly instances: readonly SimulatedInstance[];
  readonly isolates: readonly SimulatedIsolate[];
  readonly choices: Random;
  readonly pool: CompiledPool;
};

type Request = {
  readonly isolate: SimulatedIsolate;
  readonly workMs: number;
  readonly beganAtMs: number;
  readonly tried: CompiledInstance[];
};

class Traffic {
  readonly #parts: TrafficParts;
  readonly #latencies: number[] = [];
  #requests = 0;
  #failed = 0;
  #tries = 0;
  #before = { requests: 0, tries: 0 };

  constructor(parts: TrafficParts) {
    this.#parts = parts;
  }

  get result(): RunResult {
    const [latencies, requests, failed, tries] = [this.#latencies, this.#requests, this.#failed, this.#tries];
    return { latencies, requests, failed, tries, before: this.#before };
  }

  begin(random: Random): void {
    const { queue, isolates, scenario } = this.#parts;
    const everyMs = 1_000 / requestsPerSecond(scenario);
    const arrive = (): void => {
      const isolate = isolates[Math.floor(random() * isolates.length)];
      const workMs = exponential(random, scenario.meanMs);
      if (isolate !== undefined) this.#accept({ isolate, workMs, beganAtMs: queue.nowMs, tried: [] });
      queue.after(exponential(random, everyMs), arrive);
    };
    queue.after(0, arrive);
    queue.after(STORM_AT_MS, () => {
      this.#before = { requests: this.#requests, tries: this.#tries };
    });
  }

  #accept(request: Request): void {
    this.#requests++;
    request.isolate.retries.earn(request.isolate.nowMs);
    this.#try(request);
  }

  #try(request: Request): void {
    const { contender, instances, choices } = this.#parts;
    const { isolate, tried } = request;
    const at = contender.choose(isolate, { instances, random: choices, tried });
    const instance = instances[at];
    if (instance === undefined) {
      this.#failed++;
      return;
    }
    this.#tries++;
    isolate.begin(at);
    const sentAtMs = isolate.nowMs;
    const done = (isAnswer: boolean): void => {
      isolate.end(at, sentAtMs, isAnswer);
      if (isAnswer) this.#conclude(request);
      else this.#fail(request, at);
    };
    instance.accept({ workMs: request.workMs, done });
  }

  #conclude({ beganAtMs }: Request): void {
    if (beganAtMs >= SETTLED_MS) this.#latencies.push(this.#parts.queue.nowMs - beganAtMs);
  }

  /** As src/traffic/retry.ts does, without its pauses. */
  #fail(request: Request, at: number): void {
    const { isolate, tried } = request;
    const instance = this.#parts.pool.instances[at];
    if (instance !== undefined) tried.push(instance);
    const mayRetry = this.#parts.scenario.retries && tried.length < TRIES_MAX && isolate.retries.spend(isolate.nowMs);
    if (mayRetry) this.#try(request);
    else this.#failed++;
  }
}

/** The load is of what the pool can do while its share of instances is slow. */
const requestsPerSecond = ({ load, instances, slots, meanMs, slow: { share, factor } }: Scenario): number =>
  (load * instances * slots * (1 - share + share / factor) * 1_000) / meanMs;

const poolOf = ({ instances, retries }: Scenario, { strategy }: Contender): CompiledPool => ({
  name: "simulated",
  strategy,
  slowStartMs: 0,
  discovered: false,
  exposed: false,
  instances: Array.from({ length: instances }, (_, at) => ({
    id: `i${at}`,
    weight: 1,
    target: { kind: "binding", binding: `I${at}`, rpc: false },
    features: [],
  })),
  retryProfile: "default",
  attemptsMax: retries ? TRIES_MAX : 1,
  registrationTtlMs: 30_000,
});
