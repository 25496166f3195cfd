// A mean over what was heard lately: each number loses its weight with time. Three numbers, whatever was heard; the clock comes in.

export class FadingMean {
  readonly #fadeMs: number;
  sum = 0;
  weight = 0;
  heardAtMs = 0;

  constructor(fadeMs: number) {
    this.#fadeMs = fadeMs;
  }

  hear(value: number, nowMs: number): void {
    const kept = this.#keptAt(nowMs);
    this.sum = this.sum * kept + value;
    this.weight = this.weight * kept + 1;
    this.heardAtMs = nowMs;
  }

  /** `weight` numbers that make `sum`. */
  hearMany({ sum, weight }: { readonly sum: number; readonly weight: number }, nowMs: number): void {
    const kept = this.#keptAt(nowMs);
    this.sum = this.sum * kept + sum;
    this.weight = this.weight * kept + weight;
    this.heardAtMs = nowMs;
  }

  /** It fades as a whole, so that it is the same at any time; 0 where nothing was heard. */
  get mean(): number {
    return this.weight === 0 ? 0 : this.sum / this.weight;
  }

  /** The mean at `nowMs` with `granted` zeros among what was heard: they are all that is left in the end. */
  shareAt(nowMs: number, granted: number): number {
    const kept = this.#keptAt(nowMs);
    return (this.sum * kept) / (this.weight * kept + granted);
  }

  #keptAt(nowMs: number): number {
    return this.weight === 0 ? 0 : Math.exp(-Math.max(0, nowMs - this.heardAtMs) / this.#fadeMs);
  }
}
