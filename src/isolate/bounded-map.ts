// A Map that cannot grow without end: past its bounds the older half of its entries goes.
// Order of insertion is age; nothing is written on a lookup, so a hit costs what a Map costs.

export type BoundedMapOptions<V> = {
  readonly entriesMax: number;
  /** Bounds the sum of weights, e.g. characters held. */
  readonly weightMax?: number;
  /** Told of every value that is evicted or cleared, never of one that is deleted by key. */
  readonly onEvict?: (value: V) => void;
};

type Slot<V> = { readonly value: V; readonly weight: number };

export class BoundedMap<V> {
  readonly #slots = new Map<string, Slot<V>>();
  readonly #options: BoundedMapOptions<V>;
  #weight = 0;

  constructor(options: BoundedMapOptions<V>) {
    this.#options = options;
  }

  get size(): number {
    return this.#slots.size;
  }

  get(key: string): V | undefined {
    return this.#slots.get(key)?.value;
  }

  /** A value heavier than half of all there may be is not kept. */
  set(key: string, value: V, weight = 0): void {
    const { entriesMax, weightMax = Number.POSITIVE_INFINITY } = this.#options;
    this.delete(key);
    if (weight > weightMax / 2) return;
    if (this.#slots.size + 1 > entriesMax || this.#weight + weight > weightMax) this.#evictOlderHalf();
    this.#slots.set(key, { value, weight });
    this.#weight += weight;
  }

  delete(key: string): void {
    const slot = this.#slots.get(key);
    if (slot === undefined) return;
    this.#slots.delete(key);
    this.#weight -= slot.weight;
  }

  clear(): void {
    for (const { value } of this.#slots.values()) this.#options.onEvict?.(value);
    this.#slots.clear();
    this.#weight = 0;
  }

  /** Half of the entries or half of the weight, whichever takes longer: one eviction makes room for the heaviest value. */
  #evictOlderHalf(): void {
    const sizeWanted = Math.floor(this.#slots.size / 2);
    const weightWanted = this.#weight / 2;
    for (const [key, { value }] of this.#slots) {
      if (this.#slots.size <= sizeWanted && this.#weight <= weightWanted) return;
      this.delete(key);
      this.#options.onEvict?.(value);
    }
  }
}
