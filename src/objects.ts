// The only place where a name becomes a stub, and the only retry loop for calls to objects. Both halves use it.
// Callers pass the work, not the stub: after a reset the old stub is dead for ever, so each attempt gets a fresh one.

/** Part of every object name: an object never moves, so moving or resetting a fleet means counting this up. */
const GENERATION = "1";
const ATTEMPTS_MAX = 3;
const BACKOFF_BASE_MS = 20;

/** What an object was named by: of a registry or a monitor, its pool. Empty where the platform does not say. */
export const keyOf = ({ name = "" }: DurableObjectId): string => name.slice(name.indexOf(":") + 1);

/**
 * An object as its callers see it: its own methods, each answered with a promise. The platform's stub type makes a
 * returned union a union of promises and loses branches that hold `unknown`.
 */
type Remote<T> = {
  readonly [K in Exclude<keyof T, "alarm">]: T[K] extends (...args: infer A) => infer R
    ? (...args: A) => Promise<Awaited<R>>
    : never;
};
type Work<T extends Rpc.DurableObjectBranded, R> = (object: Remote<T>) => Promise<R>;
type ObjectOf<N> = N extends DurableObjectNamespace<infer T> ? T : never;

export const callControl = <R>(env: Env, work: Work<ObjectOf<Env["CONTROL"]>, R>): Promise<R> =>
  call(env.CONTROL, "plane", work);

export const callDirectory = <R>(env: Env, work: Work<ObjectOf<Env["DIRECTORY"]>, R>): Promise<R> =>
  call(env.DIRECTORY, "plane", work);

export const callRegistry = <R>(env: Env, pool: string, work: Work<ObjectOf<Env["REGISTRY"]>, R>): Promise<R> =>
  call(env.REGISTRY, pool, work);

export const callHealth = <R>(env: Env, pool: string, work: Work<ObjectOf<Env["HEALTH"]>, R>): Promise<R> =>
  call(env.HEALTH, pool, work);

export const callExecs = <R>(env: Env, userId: string, work: Work<ObjectOf<Env["EXEC_RESULTS"]>, R>): Promise<R> =>
  call(env.EXEC_RESULTS, userId, work);

/** `name` is the hash of the cookie's id, never the id itself. */
export const callSession = <R>(env: Env, name: string, work: Work<ObjectOf<Env["SESSION"]>, R>): Promise<R> =>
  call(env.SESSION, name, work);

/** How many replicas of the revocation log there are: each holds the whole log. */
export const revocationReplicas = (env: Env): number => Math.max(1, Number(env.REVOCATION_REPLICAS) || 1);

export const callRevocations = <R>(
  env: Env,
  replica: number,
  work: Work<ObjectOf<Env["REVOCATIONS"]>, R>,
): Promise<R> => call(env.REVOCATIONS, `replica-${replica}`, work);

/** Over how many objects the keys of limits are spread. */
export const limiterShards = (env: Env): number => Math.max(1, Number(env.RATE_LIMIT_SHARDS) || 1);

export const callLimiter = <R>(env: Env, shard: number, work: Work<ObjectOf<Env["RATE_LIMITER"]>, R>): Promise<R> =>
  call(env.RATE_LIMITER, `shard-${shard}-of-${limiterShards(env)}`, work);

/**
 * Resends with jittered backoff when the platform says the failure may pass and the object is not overloaded.
 * Every RPC verb is idempotent or carries its own key, so a repeated call is safe.
 */
async function call<T extends Rpc.DurableObjectBranded, R>(
  namespace: DurableObjectNamespace<T>,
  key: string,
  work: Work<T, R>,
): Promise<R> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(namespace.getByName(`${GENERATION}:${key}`) as unknown as Remote<T>);
    } catch (error) {
      if (attempt === ATTEMPTS_MAX || !mayRepeat(error)) throw error;
      await scheduler.wait(BACKOFF_BASE_MS * 2 ** attempt * Math.random());
    }
  }
}

/** An overloaded object gets no better by being asked again. */
const mayRepeat = (error: unknown): boolean => hasFlag(error, "retryable") && !hasFlag(error, "overloaded");

/** What the platform says of a failed call: https://developers.cloudflare.com/durable-objects/best-practices/error-handling/ */
export const hasFlag = (error: unknown, flag: "retryable" | "overloaded"): boolean =>
  error instanceof Error && Reflect.get(error, flag) === true;
