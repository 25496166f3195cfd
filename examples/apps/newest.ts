// What an example remembers: the newest entries, and no more of them than it was told. One isolate's memory, gone with it.

/** A map that forgets what was put in first. */
export class Newest<Value> extends Map<string, Value> {
  readonly #sizeMax: number;

  constructor(sizeMax: number) {
    super();
    this.#sizeMax = sizeMax;
  }

  override set(key: string, value: Value): this {
    super.set(key, value);
    const [oldest] = this.keys();
    if (this.size > this.#sizeMax && oldest !== undefined) this.delete(oldest);
    return this;
  }
}
