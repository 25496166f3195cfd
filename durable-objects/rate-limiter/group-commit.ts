// Lets calls that arrive while the disk is busy share the next commit: the platform makes one of every turn that writes.

export class GroupCommit {
  readonly #storage: DurableObjectStorage;
  #waiting: (() => void)[] = [];
  #isRunning = false;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  /** Runs `work`, which must not await, together with that of others; the platform sends its result once all of it is durable. */
  run<R>(work: () => R): Promise<R> {
    const { promise, resolve, reject } = Promise.withResolvers<R>();
    this.#waiting.push(() => {
      try {
        resolve(work());
      } catch (error) {
        reject(error);
      }
    });
    // No caller waits for the whole queue, which need not end while calls keep coming.
    if (!this.#isRunning) this.#runAll().catch(reject);
    return promise;
  }

  /** No reply leaves before its writes are durable, so results may be handed out ahead of the sync. */
  async #runAll(): Promise<void> {
    this.#isRunning = true;
    try {
      while (this.#waiting.length > 0) {
        const group = this.#waiting;
        this.#waiting = [];
        for (const work of group) work();
        await this.#storage.sync();
      }
    } finally {
      this.#isRunning = false;
    }
  }
}
