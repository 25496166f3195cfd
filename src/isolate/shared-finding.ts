// What takes time to find out, once for all who ask at about the same time: an isolate neither finds it twice at once nor again too soon.
// Used by routes that ask many.

type SharedFindingOptions = {
  /** How long a finding is told again. */
  readonly freshMs: number;
  /** Whoever has been at it for longer was cut off with his request. */
  readonly takesMsMax: number;
};

/** A promise of another request's never settles once that is cut off; so whoever waits looks from time to time. */
const POLL_MS = 25;
const NEVER = Number.NEGATIVE_INFINITY;

export class SharedFinding<T extends object> {
  readonly #options: SharedFindingOptions;
  #latest: { readonly key: number; readonly atMs: number; readonly found: T } | undefined;
  #findingSinceMs = NEVER;

  constructor(options: SharedFindingOptions) {
    this.#options = options;
  }

  /** What was found for `key` (a configuration's version) within `freshMs`, else what `find` finds. Rejects as `find` does, for its caller alone. */
  async get(key: number, find: () => Promise<T>): Promise<T> {
    while (Math.abs(Date.now() - this.#findingSinceMs) < this.#options.takesMsMax) await scheduler.wait(POLL_MS);
    return this.#fresh(key) ?? (await this.#find(key, find));
  }

  #fresh(key: number): T | undefined {
    const latest = this.#latest;
    return latest?.key === key && Math.abs(Date.now() - latest.atMs) < this.#options.freshMs ? latest.found : undefined;
  }

  async #find(key: number, find: () => Promise<T>): Promise<T> {
    const sinceMs = Date.now();
    this.#findingSinceMs = sinceMs;
    try {
      const found = await find();
      this.#latest = { key, atMs: Date.now(), found };
      return found;
    } finally {
      if (this.#findingSinceMs === sinceMs) this.#findingSinceMs = NEVER;
    }
  }
}
